#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// file_storage: keeps the queues of exporters on disk (`sending_queue: {storage: file_storage}`).
ExtensionFactory file_storage_extension_factory();

}  // namespace kernspan
