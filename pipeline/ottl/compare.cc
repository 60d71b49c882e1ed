#include "pipeline/ottl/compare.h"

#include <algorithm>
#include <utility>

namespace kernspan::ottl {
namespace {

template <typename T>
bool compare_ordered(const T& left, Comparison comparison, const T& right) {
  switch (comparison) {
    case Comparison::kEqual:
      return left == right;
    case Comparison::kNotEqual:
      return left != right;
    case Comparison::kLess:
      return left < right;
    case Comparison::kLessEqual:
      return left <= right;
    case Comparison::kGreater:
      return left > right;
    case Comparison::kGreaterEqual:
      return left >= right;
  }
  return false;
}

bool compare_equality(bool equal, Comparison comparison) {
  if (comparison == Comparison::kEqual) return equal;
  return comparison == Comparison::kNotEqual && !equal;
}

bool not_comparable(Comparison comparison) {
  return comparison == Comparison::kNotEqual;
}

bool compare_nils(Comparison comparison) {
  return comparison == Comparison::kEqual || comparison == Comparison::kLessEqual ||
         comparison == Comparison::kGreaterEqual;
}

bool compare_int(std::int64_t left, Comparison comparison, const Value& right) {
  if (right.is(ValueType::kInt)) return compare_ordered(left, comparison, right.as_int());
  if (!right.is(ValueType::kDouble)) return not_comparable(comparison);
  return compare_ordered(static_cast<double>(left), comparison, right.as_double());
}

bool compare_double(double left, Comparison comparison, const Value& right) {
  if (right.is(ValueType::kDouble)) return compare_ordered(left, comparison, right.as_double());
  if (!right.is(ValueType::kInt)) return not_comparable(comparison);
  return compare_ordered(left, comparison, static_cast<double>(right.as_int()));
}

// As Go's reflect.DeepEqual: a number of another type is another value.
bool same(const Value& left, const Value& right);

bool same_lists(const List& left, const List& right) {
  return std::ranges::equal(left, right, same);
}

std::vector<const Map::Entry*> sorted_entries(const Map& map) {
  std::vector<const Map::Entry*> entries;
  entries.reserve(map.size());
  for (const Map::Entry& entry : map.entries()) entries.push_back(&entry);
  // Entries of one key stay in their order, which is that of their addresses.
  std::ranges::sort(entries, [](const Map::Entry* a, const Map::Entry* b) {
    return std::pair(a->key.view(), a) < std::pair(b->key.view(), b);
  });
  return entries;
}

bool same_maps(const Map& left, const Map& right) {
  if (left.size() != right.size()) return false;
  return std::ranges::equal(sorted_entries(left), sorted_entries(right),
                            [](const Map::Entry* a, const Map::Entry* b) {
                              return a->key == b->key && same(a->value, b->value);
                            });
}

bool same(const Value& left, const Value& right) {
  return left.type() == right.type() && compare(left, Comparison::kEqual, right);
}

}  // namespace

bool compare(const Value& left, Comparison comparison, const Value& right) {
  switch (left.type()) {
    case ValueType::kInt:
      return compare_int(left.as_int(), comparison, right);
    case ValueType::kDouble:
      return compare_double(left.as_double(), comparison, right);
    default:
      break;
  }
  if (left.type() != right.type()) return not_comparable(comparison);
  switch (left.type()) {
    case ValueType::kBool:
      return compare_ordered(left.as_bool(), comparison, right.as_bool());
    case ValueType::kString:
      return compare_ordered(left.as_string(), comparison, right.as_string());
    case ValueType::kBytes:
      return compare_ordered(left.as_bytes(), comparison, right.as_bytes());
    case ValueType::kTime:
      return compare_ordered(left.as_time().unix_ns, comparison, right.as_time().unix_ns);
    case ValueType::kDuration:
      return compare_ordered(left.as_duration().ns, comparison, right.as_duration().ns);
    case ValueType::kList:
      return compare_equality(same_lists(left.as_list(), right.as_list()), comparison);
    case ValueType::kMap:
      return compare_equality(same_maps(left.as_map(), right.as_map()), comparison);
    default:
      return compare_nils(comparison);
  }
}

bool compare_view(const otlp::ValueView& left, Comparison comparison, const Value& right) {
  switch (left.kind()) {
    case otlp::ValueKind::kNone:
      return right.is_nil() ? compare_nils(comparison) : not_comparable(comparison);
    case otlp::ValueKind::kString:
      return right.is(ValueType::kString)
                 ? compare_ordered(left.as_string(), comparison, right.as_string())
                 : not_comparable(comparison);
    case otlp::ValueKind::kBool:
      return right.is(ValueType::kBool)
                 ? compare_ordered(left.as_bool(), comparison, right.as_bool())
                 : not_comparable(comparison);
    case otlp::ValueKind::kInt:
      return compare_int(left.as_int(), comparison, right);
    case otlp::ValueKind::kDouble:
      return compare_double(left.as_double(), comparison, right);
    case otlp::ValueKind::kBytes:
      return right.is(ValueType::kBytes)
                 ? compare_ordered(left.as_bytes(), comparison, right.as_bytes())
                 : not_comparable(comparison);
    case otlp::ValueKind::kArray:
      if (!right.is(ValueType::kList)) return not_comparable(comparison);
      break;
    case otlp::ValueKind::kKvlist:
      if (!right.is(ValueType::kMap)) return not_comparable(comparison);
      break;
  }
  return compare(Value::from_view(left), comparison, right);
}

Comparison mirrored(Comparison comparison) {
  switch (comparison) {
    case Comparison::kLess:
      return Comparison::kGreater;
    case Comparison::kLessEqual:
      return Comparison::kGreaterEqual;
    case Comparison::kGreater:
      return Comparison::kLess;
    case Comparison::kGreaterEqual:
      return Comparison::kLessEqual;
    default:
      return comparison;
  }
}

}  // namespace kernspan::ottl
