// Drives the frame walk of bpf/http2_walk.h as bpf/http2.bpf.h does, with memcpy in the place of the
// kernel's helpers, and keeps what it says. For unit tests and the fuzzer.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/http2_search.h"
#include "bpf/http2_walk.h"

namespace kernspan::bpf_test {

// An item, or a KS_HTTP2_FRAME with the KS_HTTP2_PAYLOADs behind it.
struct Item {
  std::int64_t at = 0;  // from the direction's first byte
  int kind = 0;
  int flags = 0;
  std::string bytes;

  bool operator==(const Item&) const = default;
};

inline void require(bool condition) {
  if (!condition) std::abort();
}

// Adds the items of a record of a transfer that begins at `position` of its direction. Aborts if they
// are not as bpf/abi/http2_items.h says.
inline void append_items(std::vector<Item>& items, std::string_view record, std::int64_t position,
                         std::uint32_t transfer_bytes) {
  for (std::size_t next = 0; next < record.size();) {
    ks_http2_item head;
    require(record.size() - next >= sizeof head);
    std::memcpy(&head, record.data() + next, sizeof head);
    next += sizeof head;
    const std::size_t padded = (std::size_t{head.bytes} + 7) / 8 * 8;
    require(padded <= record.size() - next);
    const std::string_view bytes = record.substr(next, head.bytes);
    const std::string_view padding = record.substr(next + head.bytes, padded - head.bytes);
    require(padding.find_first_not_of('\0') == std::string_view::npos);
    next += padded;
    require(head.offset <= static_cast<std::int64_t>(transfer_bytes));
    const std::int64_t at = position + head.offset;
    if (head.kind == KS_HTTP2_PAYLOAD) {
      require(!items.empty());
      Item& frame = items.back();
      require(frame.kind == KS_HTTP2_FRAME && (frame.flags & KS_HTTP2_CUT) == 0);
      require(at == frame.at + static_cast<std::int64_t>(frame.bytes.size()));
      frame.bytes += bytes;
      frame.flags |= head.flags;
      continue;
    }
    require(head.kind != KS_HTTP2_FRAME || bytes.size() >= KS_HTTP2_HEADER_BYTES);
    require(head.kind != KS_HTTP2_MESSAGE || bytes.size() == sizeof(ks_http2_message));
    require(head.kind != KS_HTTP2_DATA || bytes.size() == sizeof(ks_http2_data));
    items.push_back({at, head.kind, head.flags, std::string(bytes)});
  }
}

struct Transfer {
  std::string_view bytes;
  std::size_t readable = SIZE_MAX;  // so many of them; reading more fails
  bool has_buffer = true;
  std::uint16_t period = 0;
};

class Walker {
 public:
  // `is_from_first`: the socket is followed from its first byte.
  explicit Walker(bool is_from_first = true) {
    socket_.is_from_first = is_from_first;
    // As the kernel's per-CPU memory: whatever was there before.
    window_.fill(0xa5);
  }

  void feed(ks_direction direction, std::string_view bytes) { feed(direction, Transfer{bytes}); }

  void feed(ks_direction direction, const Transfer& transfer) {
    Side& side = sides_[direction];
    if (socket_.protocol != KS_PROTOCOL_GIVEN_UP && !transfer.bytes.empty()) {
      walk_transfer(direction, side, transfer);
    }
    side.position += transfer.bytes.size();
    side.was_used = true;
  }

  // Bytes that no hook saw.
  void miss(ks_direction direction, std::size_t bytes) {
    sides_[direction].position += bytes;
    sides_[direction].was_used = true;
  }

  // The h2c upgrade: a 101 response has been sent, by the server.
  void switch_protocols(ks_role role) {
    socket_.protocol = KS_PROTOCOL_SWITCHED;
    socket_.was_switched = 1;
    socket_.role = static_cast<ks_u8>(role);
  }

  const std::vector<Item>& items(ks_direction direction) const { return sides_[direction].items; }
  // How many items there were when the place was first lost.
  std::size_t items_before_loss(ks_direction direction) const {
    return std::min(sides_[direction].items_before_loss, items(direction).size());
  }
  std::size_t records(ks_direction direction) const { return sides_[direction].records; }
  // All records' items, as in the ring.
  const std::string& raw(ks_direction direction) const { return sides_[direction].raw; }

  bool is_http2() const { return socket_.protocol == KS_PROTOCOL_HTTP2; }
  bool is_given_up() const { return socket_.protocol == KS_PROTOCOL_GIVEN_UP; }
  ks_socket& socket() { return socket_; }
  ks_http2_direction& state(ks_direction direction) { return http2_->directions[direction]; }

  std::size_t broken = 0;
  std::size_t not_found = 0;
  std::size_t unreadable = 0;
  std::size_t too_many_frames = 0;
  std::size_t untracked_streams = 0;
  std::size_t lost_messages = 0;
  std::size_t cut_blocks = 0;
  std::size_t steps = 0;
  std::size_t steps_max = 8192;  // as in bpf/http2.bpf.h

 private:
  struct Side {
    std::uint64_t position = 0;
    bool was_used = false;
    std::vector<Item> items;
    std::size_t items_before_loss = SIZE_MAX;
    std::size_t records = 0;
    std::string raw;
  };

  // Where the direction's first byte stands: so that sequence numbers wrap around.
  static constexpr std::uint32_t kFirstSeq = 0xffffff00;

  std::uint32_t copy(const Transfer& transfer, std::uint32_t to, std::uint32_t from,
                     std::uint32_t count) {
    require(from + count <= transfer.bytes.size() && to + count <= window_.size());
    const std::size_t limit = transfer.has_buffer ? transfer.readable : 0;
    const std::size_t got = from >= limit ? 0 : std::min<std::size_t>(count, limit - from);
    std::memcpy(window_.data() + to, transfer.bytes.data() + from, got);
    return static_cast<std::uint32_t>(got);
  }

  void read(const Transfer& transfer) {
    ks_http2_has_read(&walk_, copy(transfer, KS_HTTP2_INPUT, walk_.read_at, walk_.read_bytes));
  }

  ks_http2_begin recognise(ks_direction direction, const Side& side, const Transfer& transfer) {
    const ks_u8 matched = ks_http2_preface_before(&socket_.messages[direction]);
    if (matched == KS_HTTP2_NO_PREFACE) return KS_HTTP2_BEGINS_ANYWHERE;
    ks_http2_ask(&walk_, 0);
    read(transfer);
    if (ks_http2_begins_preface(ks_load64(window_.data() + KS_HTTP2_INPUT), walk_.input_bytes,
                                matched)) {
      socket_.role = direction == KS_SEND ? KS_ROLE_CLIENT : KS_ROLE_SERVER;
      return KS_HTTP2_BEGINS_PREFACE;
    }
    if (matched != 0) return KS_HTTP2_BEGINS_ANYWHERE;
    ks_http2_place place = KS_HTTP2_PLACE_AGAIN;
    for (int i = 0; i < 2 * KS_HTTP2_HEADERS_BELIEVED && place <= KS_HTTP2_PLACE_ASK; ++i) {
      place = ks_http2_find_place(&walk_, window_.data());
      if (place == KS_HTTP2_PLACE_ASK) read(transfer);
    }
    const ks_http2_begin begin = ks_http2_judge_place(&walk_, &socket_, place, !side.was_used);
    if (begin == KS_HTTP2_BEGINS_FRAMES) {
      socket_.role = direction == KS_SEND ? KS_ROLE_SERVER : KS_ROLE_CLIENT;
    }
    return begin;
  }

  void walk_transfer(ks_direction direction, Side& side, const Transfer& transfer) {
    const auto seq = static_cast<std::uint32_t>(kFirstSeq + side.position);
    ks_http2_begin_walk(&walk_, seq, static_cast<std::uint32_t>(transfer.bytes.size()),
                        transfer.period);
    const bool is_start = socket_.is_from_first && !side.was_used;
    ks_http2_begin begin = KS_HTTP2_BEGINS_ANYWHERE;
    if (socket_.protocol == KS_PROTOCOL_UNKNOWN) {
      if (transfer.has_buffer) begin = recognise(direction, side, transfer);
      if (begin == KS_HTTP2_BEGINS_ANYWHERE) {
        if (ks_should_give_up(&socket_)) socket_.protocol = KS_PROTOCOL_GIVEN_UP;
        return;
      }
    }
    ks_http2_direction* d = &http2_->directions[direction];
    const ks_u8 matched = ks_http2_preface_before(&socket_.messages[direction]);
    if (d->phase == KS_HTTP2_PHASE_NEW && begin == KS_HTTP2_BEGINS_ANYWHERE) {
      begin = ks_http2_expect(&socket_, direction, is_start, matched);
    }
    const bool had_place = d->phase > KS_HTTP2_PHASE_SEARCH;
    ks_http2_enter(&walk_, d, begin, matched == KS_HTTP2_NO_PREFACE ? ks_u8{0} : matched);
    socket_.protocol = KS_PROTOCOL_HTTP2;
    if (had_place && d->phase == KS_HTTP2_PHASE_SEARCH) lose(side);
    if (!transfer.has_buffer && !ks_http2_pass_unread(&walk_, d)) {
      ++unreadable;
    } else if (!take_steps(direction, d, side, transfer)) {
      ++too_many_frames;
      walk_.end = KS_HTTP2_END_BROKEN;
    } else if (walk_.end == KS_HTTP2_END_BROKEN) {
      ++broken;
    } else if (walk_.end == KS_HTTP2_END_NOT_FOUND) {
      ++not_found;
    } else if (walk_.end == KS_HTTP2_END_UNREADABLE) {
      ++unreadable;
    }
    if (ks_http2_should_give_up(&walk_, &socket_)) socket_.protocol = KS_PROTOCOL_GIVEN_UP;
    ks_http2_leave(&walk_, d);
    untracked_streams += walk_.untracked_streams;
    lost_messages += walk_.lost_messages;
    cut_blocks += walk_.cut_blocks;
    if (walk_.item_bytes != 0) send(side);
    if (walk_.end != KS_HTTP2_END_OF_TRANSFER) lose(side);
  }

  static void lose(Side& side) {
    if (side.items_before_loss == SIZE_MAX) side.items_before_loss = side.items.size();
  }

  bool take_steps(ks_direction direction, ks_http2_direction* d, Side& side,
                  const Transfer& transfer) {
    for (std::size_t step = 0; step < steps_max; ++step) {
      ++steps;
      switch (ks_http2_step(&walk_, http2_.get(), direction, window_.data())) {
        case KS_HTTP2_NEED_NOTHING:
          break;
        case KS_HTTP2_NEED_INPUT:
          read(transfer);
          break;
        case KS_HTTP2_NEED_COPY:
          ks_http2_has_copied(
              &walk_, d, window_.data(),
              ks_http2_copy_input(&walk_, window_.data())
                  ? walk_.copy_bytes
                  : copy(transfer, walk_.copy_to, walk_.position, walk_.copy_bytes));
          break;
        case KS_HTTP2_NEED_ROOM:
          require(walk_.item_bytes != 0);
          send(side);
          break;
        case KS_HTTP2_DONE:
          return true;
      }
      require(walk_.position <= walk_.bytes && walk_.item_bytes <= KS_CAPTURE_BYTES_MAX);
    }
    return false;
  }

  void send(Side& side) {
    require(walk_.item_bytes <= KS_CAPTURE_BYTES_MAX && walk_.item_bytes % 8 == 0);
    const std::string_view items(reinterpret_cast<const char*>(window_.data()) + KS_HTTP2_ITEMS,
                                 walk_.item_bytes);
    append_items(side.items, items, static_cast<std::int64_t>(side.position), walk_.bytes);
    side.raw += items;
    ++side.records;
    walk_.item_bytes = 0;
  }

  ks_socket socket_{};
  std::unique_ptr<ks_http2_socket> http2_ = std::make_unique<ks_http2_socket>();
  ks_http2_walk walk_{};
  std::array<ks_u8, KS_WINDOW_BYTES + KS_WINDOW_SLACK_BYTES> window_;
  std::array<Side, 2> sides_;
};

}  // namespace kernspan::bpf_test
