{{/* Files that the service reads, each in a folder of its own: Kubernetes renews whole folders alone. */}}
{{- define "sluice.mounts" -}}
{{- if .Values.tls.secret }}
- { name: tls, mountPath: /etc/sluice/tls, readOnly: true }
{{- end }}
{{- if .Values.databaseCa.secret }}
- { name: database, mountPath: /etc/sluice/database, readOnly: true }
{{- end }}
{{- if .Values.extraCa.configMap }}
- { name: extra, mountPath: /etc/sluice/extra, readOnly: true }
{{- end }}
{{- end }}

{{- define "sluice.volumes" -}}
{{- with .Values.tls.secret }}
- name: tls
  secret: { secretName: {{ . }} }
{{- end }}
{{- with .Values.databaseCa.secret }}
- name: database
  secret: { secretName: {{ . }} }
{{- end }}
{{- with .Values.extraCa.configMap }}
- name: extra
  configMap: { name: {{ . }} }
{{- end }}
{{- end }}

{{- define "sluice.databaseCaPath" -}}
/etc/sluice/database/{{ .Values.databaseCa.key }}
{{- end }}
