package main

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// deployFolder holds the manifests that a user changes and applies.
const deployFolder = "deploy"

// A deployment is what one manifest file declares.
type deployment struct {
	cron    *batchv1.CronJob
	job     *batchv1.JobSpec
	names   []string // kind/name of each document
	configs map[string]corev1.ConfigMap
	claims  map[string]corev1.PersistentVolumeClaim
	account corev1.ServiceAccount
}

// decodeManifest decodes each document into the API's own type: a property that
// Kubernetes does not know, or twice the same one, is an error.
func decodeManifest(t *testing.T, text string) deployment {
	t.Helper()
	d := deployment{configs: map[string]corev1.ConfigMap{}, claims: map[string]corev1.PersistentVolumeClaim{}}
	for _, doc := range strings.Split(text, "\n---\n") {
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		}
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatal(err)
		}
		var err error
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 ServiceAccount":
			err = yaml.UnmarshalStrict([]byte(doc), &d.account)
		case "v1 ConfigMap":
			var c corev1.ConfigMap
			err = yaml.UnmarshalStrict([]byte(doc), &c)
			d.configs[c.Name] = c
		case "v1 PersistentVolumeClaim":
			var c corev1.PersistentVolumeClaim
			err = yaml.UnmarshalStrict([]byte(doc), &c)
			d.claims[c.Name] = c
		case "batch/v1 CronJob":
			d.cron = new(batchv1.CronJob)
			err = yaml.UnmarshalStrict([]byte(doc), d.cron)
			d.job = &d.cron.Spec.JobTemplate.Spec
		case "batch/v1 Job":
			var j batchv1.Job
			err = yaml.UnmarshalStrict([]byte(doc), &j)
			d.job = &j.Spec
		default:
			t.Fatalf("%s %s is not expected here", kind.APIVersion, kind.Kind)
		}
		if err != nil {
			t.Fatalf("%s %s: %v", kind.Kind, kind.Metadata.Name, err)
		}
		if kind.Metadata.Namespace != "passkey-audit" || kind.Metadata.Name == "" {
			t.Errorf("%s %s is in namespace %q", kind.Kind, kind.Metadata.Name, kind.Metadata.Namespace)
		}
		d.names = append(d.names, kind.Kind+"/"+kind.Metadata.Name)
	}
	if d.job == nil {
		t.Fatal("there is no job")
	}
	return d
}

// TestManifests holds the Kubernetes manifests to the API's types, to our
// command line, and to what makes a job of ours safe and worth its name.
func TestManifests(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(deployFolder, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d manifests: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			d := decodeManifest(t, read(t, file))
			checkJob(t, d)
			checkPod(t, d)
		})
	}
}

// TestManifestNames: each file declares what its first lines promise.
func TestManifestNames(t *testing.T) {
	for file, want := range map[string][]string{
		"cronjob.yaml": {"ServiceAccount/passkey-audit", "PersistentVolumeClaim/passkey-audit", "CronJob/passkey-audit"},
		"fleet.yaml":   {"ServiceAccount/passkey-audit", "ConfigMap/passkey-audit-tenants", "Job/passkey-audit-fleet"},
	} {
		if d := cmp.Diff(want, decodeManifest(t, read(t, deployFolder, file)).names); d != "" {
			t.Errorf("%s (-want +got):\n%s", file, d)
		}
	}
	if cron := decodeManifest(t, read(t, deployFolder, "cronjob.yaml")).cron; cron.Spec.Schedule != "0 6 1 * *" || cron.Spec.ConcurrencyPolicy != batchv1.ForbidConcurrent {
		t.Errorf("the schedule is %q (%s), want once a month and never two at once", cron.Spec.Schedule, cron.Spec.ConcurrencyPolicy)
	}
}

// checkJob looks at what is tried again: what another try cannot change is not.
func checkJob(t *testing.T, d deployment) {
	t.Helper()
	pod := d.job.Template.Spec
	indexed := d.job.CompletionMode != nil && *d.job.CompletionMode == batchv1.IndexedCompletion
	if pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("restartPolicy is %q: a podFailurePolicy takes Never", pod.RestartPolicy)
	}
	if d.job.PodFailurePolicy == nil || len(d.job.PodFailurePolicy.Rules) != 2 {
		t.Fatal("podFailurePolicy should have two rules")
	}
	lost, final := d.job.PodFailurePolicy.Rules[0], d.job.PodFailurePolicy.Rules[1]
	if lost.Action != batchv1.PodFailurePolicyActionIgnore || len(lost.OnPodConditions) != 1 || lost.OnPodConditions[0].Type != corev1.DisruptionTarget {
		t.Errorf("the first rule is %+v, want that an evicted pod does not count", lost)
	}
	want := batchv1.PodFailurePolicyActionFailJob
	if indexed {
		want = batchv1.PodFailurePolicyActionFailIndex
	}
	statuses := []int32{exitUsage, exitFinding, exitPartial, exitRefused}
	if on := final.OnExitCodes; final.Action != want || on == nil || on.Operator != batchv1.PodFailurePolicyOnExitCodesOpIn ||
		!slices.Equal(on.Values, statuses) || on.ContainerName == nil || *on.ContainerName != pod.Containers[0].Name {
		t.Errorf("the second rule is %+v, want %s on exit statuses %v", final, want, statuses)
	}
	if d.job.ActiveDeadlineSeconds == nil {
		t.Error("activeDeadlineSeconds is missing: a job that hangs would hang for ever")
	}
	if indexed && (d.job.BackoffLimitPerIndex == nil || d.job.BackoffLimit != nil) {
		t.Error("one tenant's failures must not use up the others' tries: set backoffLimitPerIndex alone")
	}
}

// checkPod holds the pod to the restricted profile of the Pod Security
// Standards (https://kubernetes.io/docs/concepts/security/pod-security-standards/),
// to a read-only root, and its volumes and arguments to each other.
func checkPod(t *testing.T, d deployment) {
	t.Helper()
	pod := d.job.Template.Spec
	if pod.ServiceAccountName != d.account.Name || d.account.Annotations["azure.workload.identity/client-id"] == "" ||
		d.job.Template.Labels["azure.workload.identity/use"] != "true" {
		t.Error("workload identity takes the service account with its annotation, and the pod's label")
	}
	for what, off := range map[string]*bool{"the pod": pod.AutomountServiceAccountToken, "the service account": d.account.AutomountServiceAccountToken} {
		if off == nil || *off {
			t.Errorf("%s mounts a token for the cluster's API, which a scan never uses", what)
		}
	}
	s := pod.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0 || s.FSGroup == nil ||
		s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the pod's security context is %+v, want the restricted profile and a group for the volumes", s)
	}
	if pod.HostNetwork || pod.HostPID || pod.HostIPC || len(pod.InitContainers) > 0 || len(pod.Containers) != 1 {
		t.Error("the pod should have one container and nothing of its host")
	}
	c := pod.Containers[0]
	cs := c.SecurityContext
	if cs == nil || cs.AllowPrivilegeEscalation == nil || *cs.AllowPrivilegeEscalation || cs.ReadOnlyRootFilesystem == nil || !*cs.ReadOnlyRootFilesystem ||
		cs.Capabilities == nil || !slices.Equal(cs.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(cs.Capabilities.Add) > 0 || cs.Privileged != nil {
		t.Errorf("the container's security context is %+v, want the restricted profile and a read-only root", cs)
	}
	if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("the container's resources are %+v, want requests and a limit of memory", c.Resources)
	}
	mounts := checkVolumes(t, d)
	if !slices.Contains(mounts, "/tmp") || !slices.Contains(mounts, c.WorkingDir) {
		t.Errorf("mounts %v lack /tmp or the working folder %q", mounts, c.WorkingDir)
	}
	checkArguments(t, d, c)
}

// checkVolumes follows each mount to its volume, and each volume to what the
// same file declares. It gives the mounted folders.
func checkVolumes(t *testing.T, d deployment) []string {
	t.Helper()
	var mounts, used []string
	for _, m := range d.job.Template.Spec.Containers[0].VolumeMounts {
		mounts, used = append(mounts, m.MountPath), append(used, m.Name)
	}
	for _, v := range d.job.Template.Spec.Volumes {
		switch {
		case !slices.Contains(used, v.Name):
			t.Errorf("volume %s is not mounted", v.Name)
		case v.EmptyDir != nil:
			if v.EmptyDir.SizeLimit == nil {
				t.Errorf("volume %s has no limit", v.Name)
			}
		case v.ConfigMap != nil:
			if _, ok := d.configs[v.ConfigMap.Name]; !ok {
				t.Errorf("volume %s is of ConfigMap %s, which the file does not declare", v.Name, v.ConfigMap.Name)
			}
		case v.PersistentVolumeClaim != nil:
			if _, ok := d.claims[v.PersistentVolumeClaim.ClaimName]; !ok {
				t.Errorf("volume %s is of claim %s, which the file does not declare", v.Name, v.PersistentVolumeClaim.ClaimName)
			}
		default:
			t.Errorf("volume %s is of a kind that is not expected", v.Name)
		}
	}
	if len(used) != len(d.job.Template.Spec.Volumes) {
		t.Errorf("mounts of %v, and %d volumes", used, len(d.job.Template.Spec.Volumes))
	}
	return mounts
}

// checkArguments has our own commands parse the arguments, as Kubernetes would
// hand them over.
func checkArguments(t *testing.T, d deployment, c corev1.Container) {
	t.Helper()
	if len(c.Command) > 0 {
		t.Errorf("command is %v: the image has its own", c.Command)
	}
	env := map[string]string{}
	indexed := d.job.CompletionMode != nil && *d.job.CompletionMode == batchv1.IndexedCompletion
	if indexed {
		// The job controller sets it in indexed jobs alone.
		env["JOB_COMPLETION_INDEX"] = "0"
	}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	var args []string
	for _, a := range c.Args {
		args = append(args, regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_]*\)`).ReplaceAllStringFunc(a, func(v string) string {
			value, ok := env[v[2:len(v)-1]]
			if !ok {
				t.Errorf("%s: Kubernetes would leave %s as it is", a, v)
			}
			return value
		}))
	}
	flags := checkScan(t, args)
	if indexed != (flags["tenants"] != "") || indexed && flags["index"] != "0" {
		t.Errorf("indexed is %v, --tenants %q, --index %q", indexed, flags["tenants"], flags["index"])
	}
	if indexed {
		checkTenants(t, d, flags["tenants"])
	}
	if flags["auth"] != "workload-identity" {
		t.Errorf("--auth is %q", flags["auth"])
	}
	// What is on an emptyDir is gone with the pod.
	for _, v := range d.job.Template.Spec.Volumes {
		if v.Name == "data" && v.EmptyDir != nil && flags["upload"] == "" {
			t.Error("the reports are on an emptyDir and nothing uploads them")
		}
	}
}

// checkScan has the program parse the arguments of an unattended scan of one
// tenant, and gives the flags that they set.
func checkScan(t *testing.T, args []string) map[string]string {
	t.Helper()
	cmd, err := parseCommand(args)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	if cmd.Name() != "scan" {
		t.Errorf("%q runs %s, want scan", args, cmd.Name())
	}
	if err := cmd.ValidateRequiredFlags(); err != nil {
		t.Errorf("%q: %v", args, err)
	}
	flags := map[string]string{}
	for _, a := range args[1:] {
		name, value, _ := strings.Cut(strings.TrimPrefix(a, "--"), "=")
		flags[name] = value
	}
	if _, quiet := flags["no-progress"]; flags["log-format"] != "json" || !quiet {
		t.Errorf("%q: a job's log is read by machines: want --log-format=json and --no-progress", args)
	}
	if (flags["tenant"] == "") == (flags["tenants"] == "") {
		t.Errorf("%q: want --tenant or --tenants", args)
	}
	return flags
}

// checkTenants reads the list that a job mounts with the program's own command:
// there is one index for each entry.
func checkTenants(t *testing.T, d deployment, file string) {
	t.Helper()
	spec := d.job.Template.Spec
	for _, m := range spec.Containers[0].VolumeMounts {
		if m.MountPath != path.Dir(file) {
			continue
		}
		i := slices.IndexFunc(spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 || spec.Volumes[i].ConfigMap == nil {
			t.Fatalf("--tenants=%s: volume %s is no ConfigMap", file, m.Name)
		}
		list := filepath.Join(t.TempDir(), path.Base(file))
		if err := os.WriteFile(list, []byte(d.configs[spec.Volumes[i].ConfigMap.Name].Data[path.Base(file)]), 0o600); err != nil {
			t.Fatal(err)
		}
		r := runProgram(t, nil, nil, "tenants", list)
		if n := strings.Count(r.stdout, "\n"); r.status != exitDone || d.job.Completions == nil || int(*d.job.Completions) != n {
			t.Errorf("the list has %d entries, completions is not that many (exit %d): %s%s", n, r.status, r.stdout, r.stderr)
		}
		return
	}
	t.Errorf("--tenants=%s: nothing is mounted there", file)
}
