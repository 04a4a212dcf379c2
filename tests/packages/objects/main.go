// Objects reads what `helm template` prints from standard input and decodes each object into its Go
// type, so strictly that an unknown or doubled field is a fault. Then it holds what the chart
// promises of a pod against what came out, and writes into a folder, for the programs that read it,
// what the ConfigMaps, the Secret and the PrometheusRule hold, and what the pod runs and is probed
// with, a word a line:
//
//	helm template … | objects FOLDER
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: objects FOLDER < OBJECTS")
		os.Exit(2)
	}
	objects, err := read(os.Stdin)
	if err == nil {
		err = errors.Join(judge(objects), write(objects, os.Args[1]))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// read decodes a stream of YAML documents.
func read(from io.Reader) ([]runtime.Object, error) {
	if err := monitoring.AddToScheme(scheme.Scheme); err != nil {
		return nil, err
	}
	strict := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	stream := documents.NewYAMLReader(bufio.NewReader(from))
	var objects []runtime.Object
	for {
		document, err := stream.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		if empty(document) {
			continue
		}
		object, kind, err := strict.Decode(document, nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, document)
		}
		fmt.Printf("    %s %s\n", kind.GroupVersion(), kind.Kind)
		objects = append(objects, object)
	}
}

// empty tells whether a document holds comments alone.
func empty(document []byte) bool {
	for line := range bytes.Lines(document) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

// judge looks at what no schema holds.
func judge(objects []runtime.Object) error {
	var faults []error
	sets := 0
	var labels map[string]string
	for _, object := range objects {
		if set, is := object.(*apps.StatefulSet); is {
			sets++
			labels = set.Spec.Template.Labels
			faults = append(faults, pod(set)...)
		}
	}
	if sets != 1 {
		faults = append(faults, fmt.Errorf("%d StatefulSets", sets))
	}
	for _, object := range objects {
		switch object := object.(type) {
		case *core.Service:
			faults = append(faults, selects("Service", object.Spec.Selector, labels)...)
		case *core.ServiceAccount:
			if object.AutomountServiceAccountToken == nil || *object.AutomountServiceAccountToken {
				faults = append(faults, errors.New("the service account's token is mounted"))
			}
		case *monitoring.ServiceMonitor:
			for _, endpoint := range object.Spec.Endpoints {
				faults = append(faults, job(endpoint.RelabelConfigs)...)
			}
		case *monitoring.PodMonitor:
			faults = append(faults, selects("PodMonitor", object.Spec.Selector.MatchLabels, labels)...)
			for _, endpoint := range object.Spec.PodMetricsEndpoints {
				faults = append(faults, job(endpoint.RelabelConfigs)...)
			}
		case *monitoring.PrometheusRule:
			if len(object.Spec.Groups) == 0 {
				faults = append(faults, errors.New("the PrometheusRule has no groups"))
			}
		}
	}
	return errors.Join(faults...)
}

// write puts what a ConfigMap mounts, and the rules, into a folder.
func write(objects []runtime.Object, folder string) error {
	files := map[string]string{}
	for _, object := range objects {
		switch object := object.(type) {
		case *core.ConfigMap:
			maps.Copy(files, object.Data)
		case *core.Secret:
			maps.Copy(files, object.StringData)
		case *apps.StatefulSet:
			for _, container := range object.Spec.Template.Spec.Containers {
				files["run.words"] = lines(container.Args)
				if live, ready := container.LivenessProbe.Exec, container.ReadinessProbe.Exec; live != nil && ready != nil {
					files["healthy.words"], files["ready.words"] = lines(live.Command), lines(ready.Command)
				}
			}
		case *monitoring.PrometheusRule:
			rules, err := yaml.Marshal(object.Spec)
			if err != nil {
				return err
			}
			files["rules.yaml"] = string(rules)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// pod looks at who runs, and with what.
func pod(set *apps.StatefulSet) []error {
	var faults []error
	hold := func(holds bool, fault string) {
		if !holds {
			faults = append(faults, errors.New(fault))
		}
	}
	faults = append(faults, selects("StatefulSet", set.Spec.Selector.MatchLabels, set.Spec.Template.Labels)...)
	spec := set.Spec.Template.Spec
	hold(*set.Spec.Replicas == 1, "the store has one writer")
	hold(len(set.Spec.VolumeClaimTemplates) == 1, "the history is on no volume")
	hold(spec.AutomountServiceAccountToken != nil && !*spec.AutomountServiceAccountToken, "a token is mounted")
	who := spec.SecurityContext
	hold(who.RunAsNonRoot != nil && *who.RunAsNonRoot && *who.RunAsUser != 0, "it runs as root")
	hold(who.SeccompProfile != nil && who.SeccompProfile.Type == core.SeccompProfileTypeRuntimeDefault, "no seccomp profile")
	for _, container := range spec.Containers {
		what := container.SecurityContext
		hold(what.ReadOnlyRootFilesystem != nil && *what.ReadOnlyRootFilesystem, "its root can be written")
		hold(what.AllowPrivilegeEscalation != nil && !*what.AllowPrivilegeEscalation, "it may gain privileges")
		hold(len(what.Capabilities.Drop) == 1 && what.Capabilities.Drop[0] == "ALL", "it keeps capabilities")
		mounted := map[string]bool{}
		for _, mount := range container.VolumeMounts {
			mounted[mount.MountPath] = true
		}
		hold(mounted["/var/lib/anchorwatch"] && mounted["/etc/anchorwatch"] && mounted["/tmp"], "a mount is missing")
		// The kubelet has neither a certificate nor a password.
		protected := slices.Contains(container.Args, "--web.config.file=/etc/anchorwatch-web/web.yaml")
		hold(mounted["/etc/anchorwatch-web"] == protected, "web.yaml is mounted and not read, or read and not mounted")
		for _, probe := range []*core.Probe{container.StartupProbe, container.LivenessProbe} {
			hold(asks(probe, protected, "/-/healthy"), "health is asked elsewhere")
		}
		hold(asks(container.ReadinessProbe, protected, "/-/ready", "--ready"), "its readiness asks elsewhere")
	}
	for _, volume := range spec.Volumes {
		if volume.Name == "web" {
			hold(*volume.Projected.DefaultMode == 0o440, "others may read the private key")
		}
	}
	return faults
}

// asks tells whether a probe asks this path; of a pod that HTTP cannot be asked of, its own binary,
// with these words more.
func asks(probe *core.Probe, protected bool, path string, more ...string) bool {
	if !protected {
		return probe.HTTPGet != nil && probe.HTTPGet.Path == path
	}
	words := []string{"/usr/bin/anchorwatch", "healthy", "--admin-socket=/var/lib/anchorwatch/admin.sock"}
	return probe.Exec != nil && slices.Equal(probe.Exec.Command, append(words, more...))
}

// lines puts each word on a line of its own.
func lines(words []string) string { return strings.Join(words, "\n") + "\n" }

// selects tells where a selector finds nothing.
func selects(who string, selector, labels map[string]string) []error {
	for name, value := range selector {
		if labels[name] != value {
			return []error{fmt.Errorf("the %s selects %s=%s, and the pod has %q", who, name, value, labels[name])}
		}
	}
	if len(selector) == 0 {
		return []error{fmt.Errorf("the %s selects everything", who)}
	}
	return nil
}

// job tells where the rules would not match: they select by job="anchorwatch".
func job(relabelings []monitoring.RelabelConfig) []error {
	for _, relabeling := range relabelings {
		if strings.EqualFold(relabeling.Action, "replace") && relabeling.TargetLabel == "job" &&
			relabeling.Replacement != nil && *relabeling.Replacement == "anchorwatch" {
			return nil
		}
	}
	return []error{errors.New("a monitor does not set the job that the rules select by")}
}
