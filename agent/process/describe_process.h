// What was read of a process, as the agent shows it: valid UTF-8 of bounded length.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/process/proc_reader.h"
#include "agent/process/process_info.h"

namespace kernspan::process {

constexpr std::size_t kPathBytesMax = 4096;

// Its executable's path and name, and what that is written in.
void describe_executable(const ProcSnapshot& snapshot, ProcessInfo& info);

// Keeps the command line. False when some did not fit.
bool keep_args(const std::vector<std::string>& args, ProcessInfo& info);

// Those of OTEL_RESOURCE_ATTRIBUTES with fields of their own go there; service.name has been looked
// at by service_name_for(). False when the text is not valid.
bool take_attributes(std::string_view text, ProcessInfo& info);

}  // namespace kernspan::process
