#include "agent/golang/probe_points.h"

#include <Zydis/Zydis.h>

#include <algorithm>
#include <span>

namespace kernspan::golang {
namespace {

// The check has three to six instructions.
constexpr int kEntryInstructionsMax = 8;

class Instructions {
 public:
  explicit Instructions(std::string_view code) : code_(code) {
    ZydisDecoderInit(&decoder_, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  }

  // False at the end, or where no instruction is.
  bool next() {
    at_ += length_;
    length_ = 0;
    if (is_over()) return false;
    is_valid_ = ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder_, code_.data() + at_,
                                                    code_.size() - at_, &now_, operands_));
    if (is_valid_) length_ = now_.length;
    return is_valid_;
  }
  bool is_over() const { return at_ >= code_.size(); }
  bool is_valid() const { return is_valid_; }
  std::uint64_t at() const { return at_; }

  bool is(ZydisMnemonic mnemonic) const { return now_.mnemonic == mnemonic; }
  bool is_nop() const {
    return now_.meta.category == ZYDIS_CATEGORY_NOP || now_.meta.category == ZYDIS_CATEGORY_WIDENOP;
  }
  bool is_branch() const { return now_.meta.category == ZYDIS_CATEGORY_COND_BR; }
  bool is_indirect_call() const {
    return is(ZYDIS_MNEMONIC_CALL) && operands_[0].type != ZYDIS_OPERAND_TYPE_IMMEDIATE;
  }
  bool is_test_of(ZydisRegister reg) const {
    return is(ZYDIS_MNEMONIC_TEST) && operands_[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operands_[0].reg.value == reg && operands_[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
           operands_[1].reg.value == reg;
  }
  bool writes_only(ZydisRegister reg) const {
    const std::span operands(operands_, now_.operand_count);
    return std::ranges::none_of(operands, [&](const ZydisDecodedOperand& operand) {
      if ((operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) return false;
      return operand.type != ZYDIS_OPERAND_TYPE_REGISTER ||
             (operand.reg.value != reg && operand.reg.value != ZYDIS_REGISTER_RFLAGS);
    });
  }

 private:
  std::string_view code_;
  ZydisDecoder decoder_;
  ZydisDecodedInstruction now_{};
  ZydisDecodedOperand operands_[ZYDIS_MAX_OPERAND_COUNT]{};
  std::uint64_t at_ = 0;
  std::uint64_t length_ = 0;
  bool is_valid_ = true;
};

}  // namespace

std::optional<std::vector<std::uint64_t>> find_returns(std::string_view code) {
  std::vector<std::uint64_t> returns;
  Instructions code_at(code);
  while (code_at.next()) {
    if (code_at.is(ZYDIS_MNEMONIC_RET)) returns.push_back(code_at.at());
  }
  return code_at.is_valid() ? std::optional(returns) : std::nullopt;
}

std::optional<std::vector<std::uint64_t>> find_error_checks(std::string_view code) {
  enum class Seen { kNothing, kCall, kTest };
  std::vector<std::uint64_t> checks;
  Seen seen = Seen::kNothing;
  Instructions code_at(code);
  while (code_at.next()) {
    if (code_at.is_indirect_call()) {
      seen = Seen::kCall;
    } else if (seen == Seen::kCall && code_at.is_test_of(ZYDIS_REGISTER_RBX)) {
      seen = Seen::kTest;
    } else if (!code_at.is_nop()) {
      if (seen == Seen::kTest && code_at.is_branch()) checks.push_back(code_at.at());
      seen = Seen::kNothing;
    }
  }
  return code_at.is_valid() ? std::optional(checks) : std::nullopt;
}

std::uint64_t find_entry(std::string_view code) {
  Instructions code_at(code);
  for (int i = 0; i < kEntryInstructionsMax && code_at.next(); ++i) {
    if (code_at.is_branch()) return code_at.at();
    if (!code_at.writes_only(ZYDIS_REGISTER_R12)) break;
  }
  return 0;
}

}  // namespace kernspan::golang
