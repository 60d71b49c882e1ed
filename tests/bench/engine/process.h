#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace kernspan::bench {

// What a process has used over its life.
struct Usage {
  double user_seconds = 0;
  double system_seconds = 0;
  long peak_rss_kib = 0;
  int exit_code = 0;

  double cpu_seconds() const { return user_seconds + system_seconds; }
};

// A child process whose standard input and output are pipes; its standard error goes to a file.
class Process {
 public:
  Process(const std::vector<std::string>& command, const std::string& error_file);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // One line of its output, without the line break; empty at its end.
  std::string read_line();
  // Closes its input: how the roles of this program are told to stop.
  void close_input();
  void signal(int number) const;
  pid_t pid() const { return pid_; }
  // Waits for its end.
  Usage wait();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

// Runs a command to its end; its exit code. Output goes to `error_file`.
int run_command(const std::vector<std::string>& command, const std::string& error_file);

// A port that is free now.
int free_port();

}  // namespace kernspan::bench
