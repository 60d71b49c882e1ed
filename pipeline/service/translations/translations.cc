#include "pipeline/service/translations/translations.h"

namespace kernspan {

void translate(Rewriting rewriting) {
  for (const TranslationRule& rule : kTranslations) rule.apply(rewriting, rule.id);
}

}  // namespace kernspan
