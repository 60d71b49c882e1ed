#include "agent/golang/returns.h"

#include <Zydis/Zydis.h>

namespace kernspan::golang {

std::optional<std::vector<std::uint64_t>> find_returns(std::string_view code) {
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  std::vector<std::uint64_t> returns;
  std::uint64_t at = 0;
  while (at < code.size()) {
    ZydisDecodedInstruction instruction;
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data() + at,
                                                    code.size() - at, &instruction))) {
      return std::nullopt;
    }
    if (instruction.mnemonic == ZYDIS_MNEMONIC_RET) returns.push_back(at);
    at += instruction.length;
  }
  return returns;
}

}  // namespace kernspan::golang
