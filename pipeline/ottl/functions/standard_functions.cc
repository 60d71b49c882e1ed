#include "pipeline/ottl/function.h"

namespace kernspan::ottl {

const FunctionTable& standard_functions() {
  static const FunctionTable kTable = [] {
    FunctionTable table;
    return table;
  }();
  return kTable;
}

}  // namespace kernspan::ottl
