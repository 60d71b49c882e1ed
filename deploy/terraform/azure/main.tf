# Who may send to the federation tier: a rule of its subnet's network security group for each cluster.
terraform {
  required_version = ">= 1.3"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 3.0"
    }
  }
}

locals {
  # The place of a name is its priority: a cluster in between moves those behind it.
  clusters = sort(keys(var.cluster_cidrs))
}

resource "azurerm_network_security_rule" "otlp" {
  for_each = var.cluster_cidrs

  name                        = "${var.name}-${each.key}"
  description                 = "OTLP from the gateways of ${each.key} to the federation tier"
  resource_group_name         = var.resource_group_name
  network_security_group_name = var.network_security_group_name
  priority                    = var.first_priority + index(local.clusters, each.key)
  direction                   = "Inbound"
  access                      = "Allow"
  protocol                    = "Tcp"
  source_port_range           = "*"
  source_address_prefixes     = each.value
  destination_port_ranges     = [for port in values(var.ports) : tostring(port)]
  destination_address_prefix  = "*"
}
