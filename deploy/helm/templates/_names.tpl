{{- define "sluice.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "sluice.selector" . }}
{{- end }}

{{- define "sluice.selector" -}}
app.kubernetes.io/name: sluice
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sluice.serviceAccount" -}}
{{ .Values.serviceAccount.name | default .Release.Name }}
{{- end }}

{{/* Longest time that a pod has to end, in seconds: its pause, its drain, 5 s for its connections, and 5 s more for the process. */}}
{{- define "sluice.graceSeconds" -}}
{{ add (include "sluice.pauseSeconds" .) .Values.drainTimeoutSeconds 10 }}
{{- end }}

{{/* Before SIGTERM a pod serves on, in seconds, while load balancers learn that it leaves. */}}
{{- define "sluice.pauseSeconds" -}}
15
{{- end }}

{{/* Attributes of target groups: connections are kept as long as the service drains. */}}
{{- define "sluice.deregistration" -}}
deregistration_delay.timeout_seconds={{ .Values.drainTimeoutSeconds }}
{{- end }}
