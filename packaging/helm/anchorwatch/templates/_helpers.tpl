{{- define "anchorwatch.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 52 characters at most: a StatefulSet's pods get a hash of ten more in a label. */}}
{{- define "anchorwatch.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "anchorwatch.selector" -}}
app.kubernetes.io/name: {{ include "anchorwatch.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "anchorwatch.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "anchorwatch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "anchorwatch.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "anchorwatch.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "anchorwatch.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The configuration, with the store where the volume is. */}}
{{- define "anchorwatch.config" -}}
{{- $store := dict "path" "/var/lib/anchorwatch" -}}
{{- if hasKey (default dict .Values.config.store) "path" -}}
{{- fail "config.store.path: the chart sets it" -}}
{{- end -}}
{{- $store = merge $store (default dict .Values.config.store) -}}
{{- toYaml (merge (dict "store" $store) (omit .Values.config "store")) -}}
{{- end -}}

{{/* How a monitor scrapes. The rules select by job="anchorwatch", whatever the release's name. */}}
{{- define "anchorwatch.scrape" -}}
- port: http
  path: /metrics
  interval: {{ .interval }}
  scrapeTimeout: {{ .scrapeTimeout }}
  relabelings:
    - action: replace
      targetLabel: job
      replacement: anchorwatch
{{- end -}}
