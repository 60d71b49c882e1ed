// Certificates made by OpenSSL's command line in a folder of their own.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace kernspan {

class Certificates {
 public:
  Certificates() {
    std::string pattern = testing::TempDir() + "/certificates-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    authority("ca");
    authority("other-ca");
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates() { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& file) const { return folder_ / file; }
  std::string text(const std::string& file) const {
    std::ifstream stream(path(file));
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  void authority(const std::string& name) {
    run("req -x509 " + key_options(name) + " -days 2 -subj /CN=" + name + " -out " + name + ".pem");
  }
  // NAME.pem and NAME.key, for localhost. `days` below zero: it has expired.
  void issue(const std::string& name, const std::string& ca = "ca", int days = 2) {
    std::ofstream(path("names")) << "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
    run("req " + key_options(name) + " -subj /CN=" + name + " -out " + name + ".csr");
    run("x509 -req -in " + name + ".csr -CA " + ca + ".pem -CAkey " + ca +
        ".key -CAcreateserial -extfile names -days " + std::to_string(days) + " -out " + name +
        ".pem");
  }
  // Puts a certificate and its key in another's place, each at once.
  void replace(const std::string& name, const std::string& by) {
    for (const char* kind : {".key", ".pem"}) {
      if (std::filesystem::exists(path(by + kind))) {
        std::filesystem::rename(path(by + kind), path(name + kind));
      }
    }
  }

 private:
  static std::string key_options(const std::string& name) {
    return "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout " + name + ".key";
  }
  void run(const std::string& arguments) {
    const std::string command =
        "cd " + folder_.string() + " && openssl " + arguments + " 2> openssl.log";
    ASSERT_EQ(std::system(command.c_str()), 0) << command << "\n" << text("openssl.log");
  }

  std::filesystem::path folder_;
};

}  // namespace kernspan
