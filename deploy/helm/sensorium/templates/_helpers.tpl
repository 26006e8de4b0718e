{{- define "sensorium.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "sensorium.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sensorium.labels" -}}
{{ include "sensorium.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "sensorium.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "sensorium.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "sensorium.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* The environment: settings as they are, secrets by the files that they are mounted as. */}}
{{- define "sensorium.environment" -}}
{{- if not .Values.settings.KAFKA_BROKERS }}{{ fail "settings.KAFKA_BROKERS is required" }}{{ end -}}
{{- range $name, $value := .Values.settings }}
- name: {{ $name }}
  {{- /* Not toString: it writes 2592000000 as 2.592e+09. */}}
  value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }}
{{- end }}
{{- range $name, $key := .Values.secrets.keys }}
- name: {{ $name }}_FILE
  value: /run/secrets/sensorium/{{ $key }}
{{- end }}
{{- end -}}

{{- define "sensorium.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{- define "sensorium.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "sensorium.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if .Values.secrets.keys }}
- { name: secrets, mountPath: /run/secrets/sensorium, readOnly: true }
{{- end }}
{{- end -}}

{{- define "sensorium.volumes" -}}
- { name: tmp, emptyDir: {} }
{{- if .Values.secrets.keys }}
- name: secrets
  secret:
    secretName: {{ required "secrets.name is required with secrets.keys" .Values.secrets.name }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* The pod of either workload. */}}
{{- define "sensorium.pod" -}}
metadata:
  labels:
    {{- include "sensorium.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .Values.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "sensorium.serviceAccount" . }}
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    {{- include "sensorium.podSecurity" . | nindent 4 }}
  {{- if .Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range tuple "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "sensorium.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: sensorium
      image: {{ include "sensorium.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      securityContext:
        {{- include "sensorium.containerSecurity" . | nindent 8 }}
      env:
        - name: HTTP_HOST
          value: 0.0.0.0
        - name: HTTP_PORT
          value: '8080'
        - name: POD_IP
          valueFrom: { fieldRef: { fieldPath: status.podIP } }
        # Where other pods find the shards of this one.
        - name: ADVERTISED_URL
          value: http://$(POD_IP):8080
        {{- include "sensorium.environment" . | trim | nindent 8 }}
      ports:
        - { name: http, containerPort: 8080 }
      # Until the first answer; then liveness asks.
      startupProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 2
        failureThreshold: 30
      livenessProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet: { path: /health/{{ .Values.readiness }}, port: http }
        periodSeconds: 5
        timeoutSeconds: 2
        failureThreshold: 2
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        {{- include "sensorium.mounts" . | nindent 8 }}
        - { name: state, mountPath: /app/state }
  volumes:
    {{- include "sensorium.volumes" . | nindent 4 }}
    {{- if eq .Values.workload "Deployment" }}
    - { name: state, emptyDir: {} }
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
