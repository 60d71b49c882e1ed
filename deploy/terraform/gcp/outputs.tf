output "firewall_rules" {
  description = "Names of the rules by cluster."
  value       = { for cluster, rule in google_compute_firewall.otlp : cluster => rule.name }
}
