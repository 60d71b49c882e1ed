output "rules" {
  description = "Ids of the rules by cluster."
  value       = { for cluster, rule in azurerm_network_security_rule.otlp : cluster => rule.id }
}
