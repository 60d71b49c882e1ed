// Everything that reads a configuration before anything starts: YAML and its references, sources
// that are merged, translations, what is left out, settings, the print and the doctor. The first byte
// chooses the options, and where the bytes are cut into two sources.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "pipeline/service/config_printer.h"
#include "pipeline/service/service.h"
#include "tests/fuzz/input.h"
#include "tests/unit/pipeline/service/fake_components.h"
#include "tools/kernspan/doctor/diagnosis.h"
#include "tools/kernspan/doctor/report.h"

namespace {

using namespace kernspan;

void check(bool condition) {
  if (!condition) std::abort();
}

// Variables that hold a list, a map, a number and a reference.
std::optional<std::string> variable(std::string_view name) {
  if (name == "A") return "[fake, fake/2]";
  if (name == "B") return "{primary: fake, fallback: [fake]}";
  if (name == "C") return "0123";
  if (name == "D") return "${C}";
  return std::nullopt;
}

// What is printed loads again, and is printed the same.
void check_print(const ConfigNode& root) {
  ConfigWarnings warnings;
  const std::string printed = print_config(root, {});
  const Result<ConfigNode> again = parse_config(printed, "printed", variable, warnings);
  check(again.has_value());
  check(print_config(*again, {}) == printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::uint8_t choice = input.take_byte();
  const std::size_t cut = choice >> 2;
  const ConfigOptions options{.strict = (choice & 1) != 0, .skip_unbuilt = (choice & 2) != 0};
  std::vector<std::string> sources;
  if (cut != 0) sources.push_back("yaml:" + std::string(input.take(cut * 16)));
  sources.push_back("yaml:" + std::string(input.take(size)));

  FakeComponents fakes;
  const Registry registry = fakes.registry();
  ConfigWarnings warnings;
  const Result<ConfigNode> root =
      load_effective_config(sources, variable, registry, options, warnings);
  if (root) check_print(*root);
  ConfigWarnings more;
  const Result<ConfigNode> checked = check_config(sources, variable, registry, more, options);
  check(!checked || root);
  check(!checked || !options.strict || more.deviations.empty());
  const auto findings = doctor::diagnose(sources, variable, registry, {});
  if (findings) {
    check(!doctor::text_report(*findings).empty());
    check(!doctor::json_report(*findings).empty());
  }
  return 0;
}
