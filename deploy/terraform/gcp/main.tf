# Who may send to the federation tier: a firewall rule for each cluster.
terraform {
  required_version = ">= 1.3"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 4.0"
    }
  }
}

resource "google_compute_firewall" "otlp" {
  for_each = var.cluster_cidrs

  name          = "${var.name}-${each.key}"
  project       = var.project == "" ? null : var.project
  network       = var.network
  description   = "OTLP from the gateways of ${each.key} to the federation tier"
  direction     = "INGRESS"
  source_ranges = each.value
  target_tags   = var.target_tags

  allow {
    protocol = "tcp"
    ports    = [for port in values(var.ports) : tostring(port)]
  }

  # Who sends from where.
  log_config {
    metadata = "EXCLUDE_ALL_METADATA"
  }
}
