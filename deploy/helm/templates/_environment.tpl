{{/*
The environment of the service, as YAML: what the values say, what the chart itself decides, and what it takes where nobody says anything.
*/}}
{{- define "sluice.environment" -}}
{{- $decided := dict
  "SLUICE_LISTEN" "0.0.0.0:8080"
  "SLUICE_METRICS_LISTEN" "0.0.0.0:9464"
  "SLUICE_WORKERS" (toString .Values.workers)
  "SLUICE_MEMORY_BUDGET_BYTES" (printf "%dMiB" (int .Values.memoryBudgetMib))
  "SLUICE_DRAIN_TIMEOUT_MS" (mul .Values.drainTimeoutSeconds 1000 | toString)
-}}
{{- if .Values.tls.secret }}
{{- $_ := set $decided "SLUICE_TLS_CERT" "/etc/sluice/tls/tls.crt" }}
{{- $_ := set $decided "SLUICE_TLS_KEY" "/etc/sluice/tls/tls.key" }}
{{- else }}
{{- $_ := set $decided "SLUICE_PLAINTEXT" "behind-proxy" }}
{{- end }}
{{- if .Values.databaseCa.secret }}
{{- $_ := set $decided "SLUICE_DATABASE_CA" (include "sluice.databaseCaPath" .) }}
{{- end }}
{{- if .Values.extraCa.configMap }}
{{- $_ := set $decided "NODE_EXTRA_CA_CERTS" (printf "/etc/sluice/extra/%s" .Values.extraCa.key) }}
{{- end }}
{{- $otherwise := dict
  "AWS_REGION" .Values.environment.SLUICE_S3_REGION
  "SLUICE_TRUSTED_PROXIES" (ternary "1" "0" (eq .Values.loadBalancer.kind "alb"))
-}}
{{- range $name, $value := merge $decided .Values.environment $otherwise }}
{{- printf "%s: %s\n" $name ($value | quote) }}
{{- end }}
{{- end }}

{{/*
The ports that the service itself opens connections to, as a list in JSON: that of HTTPS, and those of the URLs in its environment.
*/}}
{{- define "sluice.ports" -}}
{{- $ports := list "443" }}
{{- range omit .Values.environment "SLUICE_PUBLIC_URL" "SLUICE_CORS_ORIGINS" | values }}
{{- range regexFindAll "(https?|postgres|postgresql)://[^/\"?, ]+" . -1 }}
{{- $default := hasPrefix "postgres" . | ternary "5432" (hasPrefix "https" . | ternary "443" "80") }}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default $default) }}
{{- end }}
{{- end }}
{{- $ports | uniq | sortAlpha | toJson }}
{{- end }}
