#include "pipeline/ottl/function.h"
#include "pipeline/ottl/functions/families.h"

namespace kernspan::ottl {

const FunctionTable& standard_functions() {
  static const FunctionTable kTable = [] {
    FunctionTable table;
    add_map_editors(table);
    add_flatten(table);
    add_list_editors(table);
    add_replace_editors(table);
    add_text_converters(table);
    add_code_converters(table);
    add_type_converters(table);
    add_id_converters(table);
    add_list_converters(table);
    add_time_converters(table);
    add_parse_converters(table);
    add_network_converters(table);
    return table;
  }();
  return kTable;
}

}  // namespace kernspan::ottl
