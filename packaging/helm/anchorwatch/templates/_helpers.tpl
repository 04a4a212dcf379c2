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

{{/* The Secret that holds web.yaml; none where HTTP is served plainly to everybody. */}}
{{- define "anchorwatch.web" -}}
{{- with .Values.web -}}
{{- if and .config .existingSecret -}}
{{- fail "web.config and web.existingSecret: web.yaml is in one of the two" -}}
{{- else if .config -}}
{{ include "anchorwatch.fullname" $ }}-web
{{- else if .existingSecret -}}
{{ .existingSecret }}
{{- else if .secrets -}}
{{- fail "web.secrets: no web.yaml names what is in them; give web.config or web.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* How a probe asks: whether there is a web.yaml, and `healthy` or `ready`. The kubelet has no
     certificate and no password; the admin socket asks for none. */}}
{{- define "anchorwatch.probe" -}}
{{- if index . 0 -}}
exec:
  command:
    - /usr/bin/anchorwatch
    - healthy
    - --admin-socket=/var/lib/anchorwatch/admin.sock
    {{- if eq (index . 1) "ready" }}
    - --ready
    {{- end }}
{{- else -}}
httpGet: {path: /-/{{ index . 1 }}, port: http}
{{- end -}}
{{- end -}}

{{/* What a monitor speaks: $ and the monitor's values. */}}
{{- define "anchorwatch.scheme" -}}
{{- $root := index . 0 -}}
{{- $monitor := index . 1 -}}
{{- if $monitor.scheme -}}
{{ $monitor.scheme }}
{{- else if $root.Values.web.existingSecret -}}
{{- fail "web.existingSecret: only you know whether it asks for TLS; give the monitor's scheme" -}}
{{- else -}}
{{ hasKey (default dict $root.Values.web.config) "tls_server_config" | ternary "https" "http" }}
{{- end -}}
{{- end -}}

{{/* How a monitor scrapes: $ and the monitor's values. The rules select by job="anchorwatch",
     whatever the release's name. */}}
{{- define "anchorwatch.scrape" -}}
{{- $monitor := index . 1 -}}
- port: http
  path: /metrics
  scheme: {{ include "anchorwatch.scheme" . }}
  interval: {{ $monitor.interval }}
  scrapeTimeout: {{ $monitor.scrapeTimeout }}
  {{- with $monitor.tlsConfig }}
  tlsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $monitor.basicAuth }}
  basicAuth:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  relabelings:
    - action: replace
      targetLabel: job
      replacement: anchorwatch
    # A pod's address changes with a restart, and its name does not (alerts/README.md).
    - action: replace
      sourceLabels: [__meta_kubernetes_pod_name]
      targetLabel: instance
{{- end -}}
