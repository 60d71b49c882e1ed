// What the parts of RecordFile share of LMDB.
#pragma once

#include <lmdb.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "pipeline/extensions/file_storage/queue_record.h"

namespace kernspan::storage {

inline bool is_full(int code) {
  return code == MDB_MAP_FULL || code == MDB_TXN_FULL || code == ENOSPC || code == EDQUOT ||
         code == EFBIG;
}

inline std::string describe(int code) {
  return mdb_strerror(code);
}

inline std::uint64_t value_bytes(const otlp::Batch& batch) {
  return kRecordHeaderBytes + batch.byte_count();
}

inline MDB_val as_value(std::span<const char> bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};
}

// A transaction that ends with its scope.
class Transaction {
 public:
  Transaction(MDB_env* environment, unsigned flags)
      : code_(mdb_txn_begin(environment, nullptr, flags, &handle_)) {}
  ~Transaction() {
    if (handle_ != nullptr) mdb_txn_abort(handle_);
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  int code() const { return code_; }
  MDB_txn* get() const { return handle_; }
  int commit() { return mdb_txn_commit(std::exchange(handle_, nullptr)); }

 private:
  MDB_txn* handle_ = nullptr;
  const int code_;
};

class Cursor {
 public:
  Cursor(MDB_txn* transaction, MDB_dbi database)
      : code_(mdb_cursor_open(transaction, database, &handle_)) {}
  ~Cursor() {
    if (handle_ != nullptr) mdb_cursor_close(handle_);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  int code() const { return code_; }
  MDB_cursor* get() const { return handle_; }

 private:
  MDB_cursor* handle_ = nullptr;
  const int code_;
};

}  // namespace kernspan::storage
