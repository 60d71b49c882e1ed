// Shapes: kubernetes.io/docs/reference/kubernetes-api/service-resources/, service-v1 and
// endpoint-slice-v1.
#include "agent/kube/service_watch.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::kube {
namespace {

using nlohmann::json;

constexpr const char* kServicesPath = "/api/v1/services";
constexpr const char* kSlicesPath = "/apis/discovery.k8s.io/v1/endpointslices";
constexpr const char* kServiceLabel = "kubernetes.io/service-name";
// Of names and namespaces: the API's own bound.
constexpr std::size_t kNameBytesMax = 253;
// The API's bounds are 2 ClusterIPs, and of a slice 1000 endpoints with 100 addresses and 100 ports.
constexpr std::size_t kIpsMax = 1000;
constexpr std::size_t kPortsMax = 100;

const json& service_field(const json& object, const char* key) {
  static const json nothing;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() ? *found : nothing;
}

// Empty for what is no text, or none that is a name.
std::string service_text(const json& object, const char* key) {
  const json& field = service_field(object, key);
  if (!field.is_string()) return {};
  const auto& text = field.get_ref<const std::string&>();
  return text.size() <= kNameBytesMax ? text : std::string();
}

void add_service_ip(const json& text, std::vector<ServiceIp>& ips) {
  if (!text.is_string() || ips.size() >= kIpsMax) return;
  // "None" of headless services and names of hosts are no addresses.
  if (const auto ip = service_ip(text.get_ref<const std::string&>())) ips.push_back(*ip);
}

ServiceAddresses read_service(const json& service) {
  ServiceAddresses read{.service = {}, .ips = {}, .ports = {}, .any_port = true};
  const json& metadata = service_field(service, "metadata");
  read.service = {service_text(metadata, "namespace"), service_text(metadata, "name")};
  const json& spec = service_field(service, "spec");
  add_service_ip(service_field(spec, "clusterIP"), read.ips);
  const json& all = service_field(spec, "clusterIPs");
  if (all.is_array()) {
    for (const json& ip : all) add_service_ip(ip, read.ips);
  }
  return read;
}

// No ports: those of a headless Service that names none. A port without a number: all.
void read_slice_ports(const json& ports, ServiceAddresses& read) {
  read.any_port = !ports.is_array() || ports.empty();
  if (!ports.is_array()) return;
  for (const json& port : ports) {
    if (!port.is_object()) continue;
    const std::string protocol = service_text(port, "protocol");
    if (!protocol.empty() && protocol != "TCP") continue;
    const json& number = service_field(port, "port");
    if (number.is_null()) {
      read.any_port = true;
    } else if (number.is_number_unsigned() && number.get<std::uint64_t>() <= 0xffff &&
               read.ports.size() < kPortsMax) {
      read.ports.push_back(number.get<std::uint16_t>());
    }
  }
}

// Also those that are not ready: they are called while they end.
ServiceAddresses read_slice(const json& slice) {
  ServiceAddresses read{.service = {}, .ips = {}, .ports = {}, .any_port = false};
  const json& metadata = service_field(slice, "metadata");
  read.service = {service_text(metadata, "namespace"),
                  service_text(service_field(metadata, "labels"), kServiceLabel)};
  read_slice_ports(service_field(slice, "ports"), read);
  const json& endpoints = service_field(slice, "endpoints");
  if (!endpoints.is_array()) return read;  // null when there are none
  for (const json& endpoint : endpoints) {
    // Further addresses mean nothing that is defined.
    const json& addresses = service_field(endpoint, "addresses");
    if (addresses.is_array() && !addresses.empty()) add_service_ip(addresses[0], read.ips);
  }
  return read;
}

}  // namespace

class ServiceWatch::TableFiller final : public WatchHandler {
 public:
  using Read = ServiceAddresses (*)(const json&);

  TableFiller(std::string owner, std::string path, Read read, ServiceTable& table)
      : owner_(std::move(owner)), path_(std::move(path)), read_(read), table_(table) {}

  void on_list_begin() override { table_.begin_list(); }
  void on_object(const json& object) override {
    succeeded();
    const std::string key = key_of(object);
    if (key.empty()) return table_.count_bad();
    ServiceAddresses addresses = read_(object);
    if (addresses.service.name.empty()) addresses.ips.clear();  // nobody's
    table_.set(key, std::move(addresses));
  }
  void on_deleted(const json& object) override {
    succeeded();
    table_.remove(key_of(object));
  }
  void on_list_end() override {
    succeeded();
    table_.end_list();
    if (std::exchange(is_first_, false)) {
      log_info("{}: {}: {} addresses of services", owner_, path_, table_.snapshot().addresses);
    }
  }
  // The ListWatch has counted it, and says so.
  void on_failure(const std::string&) override { has_failed_ = true; }

 private:
  static std::string key_of(const json& object) {
    const json& metadata = service_field(object, "metadata");
    std::string name = service_text(metadata, "name");
    return name.empty() ? name : service_text(metadata, "namespace") + "/" + name;
  }
  void succeeded() {
    if (std::exchange(has_failed_, false)) log_info("{}: {} is answered again", owner_, path_);
  }

  const std::string owner_;
  const std::string path_;
  const Read read_;
  ServiceTable& table_;
  bool is_first_ = true;
  bool has_failed_ = false;
};

ServiceWatch::ServiceWatch(const Settings& settings, const ApiAccess& access,
                           ServiceDirectory& directory, Metrics& metrics) {
  const auto follow = [&](const char* path, const char* query, TableFiller::Read read,
                          ServiceTable& table) {
    fillers_.push_back(std::make_unique<TableFiller>(settings.owner, path, read, table));
    watches_.push_back(
        std::make_unique<ListWatch>(ListWatchSettings{.owner = settings.owner,
                                                      .path = path,
                                                      .query = query,
                                                      .first_wait = settings.first_wait,
                                                      .longest_wait = settings.longest_wait},
                                    access, *fillers_.back(), metrics));
  };
  follow(kServicesPath, "", read_service, directory.cluster_ips);
  if (settings.endpoints) {
    follow(kSlicesPath, "labelSelector=kubernetes.io%2Fservice-name", read_slice,
           directory.endpoints);
  }
}

ServiceWatch::~ServiceWatch() {
  stop();
}

void ServiceWatch::start() {
  for (const auto& watch : watches_) watch->start();
}

void ServiceWatch::stop() {
  for (const auto& watch : watches_) watch->stop();
}

}  // namespace kernspan::kube
