output "security_group_id" {
  description = "For the load balancer's annotation, or the nodes."
  value       = aws_security_group.otlp.id
}

output "rules" {
  description = "What is let in: a line for each rule."
  value       = sort(keys(local.rules))
}
