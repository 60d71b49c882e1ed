#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {

// An extension with an endpoint, on a port that is free, or was a moment ago.
class ExtensionFixture : public ::testing::Test {
 protected:
  ExtensionFixture(ExtensionFactory factory, int first_port)
      : factory_(std::move(factory)), first_port_(first_port) {}

  std::string create(const std::string& yaml) {
    auto made = factory_.create(ComponentStage::yaml(yaml), stage_.context());
    if (!made) return made.error().message;
    extension_ = *std::move(made);
    return "";
  }
  // `prepare` is called before each attempt to start.
  void start(const std::function<void()>& prepare = [] {}) {
    for (int port = first_port_; port < first_port_ + 100; ++port) {
      ASSERT_EQ(create("endpoint: 127.0.0.1:" + std::to_string(port) + "\n"), "");
      prepare();
      if (!extension_->start()) continue;
      port_ = static_cast<std::uint16_t>(port);
      return;
    }
    FAIL() << "no free port";
  }

  ExtensionFactory factory_;
  const int first_port_;
  ComponentStage stage_{"extension"};
  std::unique_ptr<Extension> extension_;
  std::uint16_t port_ = 0;
};

}  // namespace kernspan
