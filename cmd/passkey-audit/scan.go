package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"passkey-audit/audit"
	"passkey-audit/audit/aaguid"
	"passkey-audit/audit/collect"
	"passkey-audit/audit/graph"
	"passkey-audit/audit/pace"
	"passkey-audit/audit/policy"
	"passkey-audit/audit/snapshot"
)

// ScanOptions are the flags of the command scan.
type ScanOptions struct {
	connectOptions
	tenantsOptions
	scopeOptions
	proposalOptions
	namesOptions
	outputOptions
	finishOptions
	runOptions
	logOptions
}

// AddFlags binds the flags.
func (o *ScanOptions) AddFlags(cmd *cobra.Command) {
	o.connectOptions.AddFlags(cmd)
	o.tenantsOptions.AddFlags(cmd)
	o.AddFlagsWithoutConnect(cmd)
}

// AddFlagsWithoutConnect binds all flags but those of signing in.
func (o *ScanOptions) AddFlagsWithoutConnect(cmd *cobra.Command) {
	o.scopeOptions.AddFlags(cmd)
	o.proposalOptions.AddFlags(cmd)
	o.namesOptions.AddFlags(cmd)
	o.outputOptions.AddFlags(cmd)
	o.finishOptions.AddFlags(cmd)
	o.runOptions.AddFlags(cmd)
	o.logOptions.AddFlags(cmd)
}

// scopeOptions say whose passkeys are read.
type scopeOptions struct {
	users                    string
	lastUsed                 bool
	membersOnly, enabledOnly bool
	groups, excludeUPN       []string
}

// AddFlags binds the flags.
func (o *scopeOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.users, "users", snapshot.UsersAll, "whose passkeys to read: all, or registered: by the registration report only likely holders, disabled accounts and whom it does not list")
	f.BoolVar(&o.lastUsed, "last-used", false, "also read when each passkey was last used, which Microsoft Graph tells in beta alone")
	f.BoolVar(&o.membersOnly, "members-only", false, "leave guests out")
	f.BoolVar(&o.enabledOnly, "enabled-only", false, "leave disabled accounts out")
	f.StringArrayVar(&o.groups, "group", nil, "read only members of the group with this `ID`, nested ones included (repeatable)")
	f.StringArrayVar(&o.excludeUPN, "exclude-upn", nil, "leave out users whose user principal name matches this `GLOB`, with * and ? (repeatable)")
}

func (o *scopeOptions) scope() (snapshot.Scope, error) {
	s := snapshot.Scope{Users: o.users, MembersOnly: o.membersOnly, EnabledOnly: o.enabledOnly, ExcludeUPN: o.excludeUPN, LastUsed: o.lastUsed}
	if err := oneOf("users", o.users, snapshot.UsersAll, snapshot.UsersRegistered); err != nil {
		return s, err
	}
	for _, g := range o.groups {
		if !isGUID(g) {
			return s, usagef("--group %s: give the group's object ID, a GUID", quote(g))
		}
		s.Groups = append(s.Groups, strings.ToLower(g))
	}
	for _, g := range o.excludeUPN {
		if g == "" {
			return s, usagef("--exclude-upn needs a pattern such as svc-*")
		}
	}
	return s, nil
}

// runOptions bound the pace.
type runOptions struct {
	concurrency int
	maxRPS      float64
	maxAttempts int
	maxWait     time.Duration
	timeout     time.Duration
	resume      string
}

// defaultConcurrency bounds the requests in flight; the pace stays below it
// where more would not be faster.
const defaultConcurrency = 16

// AddFlags binds the flags.
func (o *runOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.concurrency, "concurrency", defaultConcurrency, "at most `N` requests at the same time (1 to 256)")
	f.Float64Var(&o.maxRPS, "max-rps", 0, "at most `N` reads a second; 0 for no bound of yours")
	f.IntVar(&o.maxAttempts, "max-attempts", 8, "give up on what failed `N` times (1 to 100); being throttled does not count")
	f.DurationVar(&o.maxWait, "max-wait", 0, "give up on what could not be read in this time, being throttled included; 0s for no bound")
	f.DurationVar(&o.timeout, "timeout", time.Minute, "take a request for lost after this time (1s to 10m)")
	f.StringVar(&o.resume, "resume", "", "go on with the unfinished scan in this `DIR`")
}

func (o *runOptions) check() error {
	if o.concurrency < 1 || o.concurrency > 256 {
		return usagef("--concurrency %d: choose a number from 1 to 256", o.concurrency)
	}
	if !(o.maxRPS == 0 || o.maxRPS >= 0.01 && o.maxRPS <= 100_000) {
		return usagef("--max-rps %v: choose a number from 0.01 to 100000, or 0 for no bound", o.maxRPS)
	}
	if o.maxAttempts < 1 || o.maxAttempts > 100 {
		return usagef("--max-attempts %d: choose a number from 1 to 100", o.maxAttempts)
	}
	if o.timeout < time.Second || o.timeout > 10*time.Minute {
		return usagef("--timeout %v: choose a time from 1s to 10m", o.timeout)
	}
	if o.maxWait < 0 {
		return usagef("--max-wait %v: choose a time such as 2h, or 0s for no bound", o.maxWait)
	}
	return nil
}

func (o *runOptions) scheduler() *pace.Scheduler {
	return pace.New(pace.Options{
		Limits: pace.Limits{MaxInFlight: o.concurrency, MaxPerSecond: o.maxRPS},
		Buckets: map[pace.Bucket]pace.Limits{
			collect.Reports:           {MaxInFlight: 1, MaxPerSecond: o.maxRPS, KnownRate: collect.ReportsRate},
			collect.ConditionalAccess: {MaxInFlight: 1, MaxPerSecond: o.maxRPS, KnownRate: collect.ConditionalAccessRate},
		},
		Budget: pace.Budget{Attempts: o.maxAttempts, Elapsed: o.maxWait},
	})
}

func newScanCommand(w world, u *ui) *cobra.Command {
	var o ScanOptions
	cmd := &cobra.Command{
		Use:   "scan",
		Short: "Read a tenant, judge its passkeys and write the reports",
		Long: `Reads all users of a tenant with their passkeys, and the policy; judges every
passkey under the policy as it is and as proposed; and writes the reports.
It only ever reads.

Secrets come from the environment: AZURE_CLIENT_SECRET,
AZURE_CLIENT_CERTIFICATE_PASSWORD, PASSKEY_AUDIT_ACCESS_TOKEN.

` + exitHelp,
		Example: `  AZURE_CLIENT_SECRET=... passkey-audit scan --tenant contoso.com --client-id ID
  passkey-audit scan --tenant contoso.com --client-id ID --certificate app.pem --proposed authenticator-only
  passkey-audit scan --resume passkey-audit_contoso.com_20261101T080000Z --tenant contoso.com --client-id ID`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runScan(cmd.Context(), w, u, &o, "passkey-audit scan --resume", func() (graph.AuthOptions, error) {
				c, err := o.graphCloud()
				if err != nil {
					return graph.AuthOptions{}, err
				}
				return o.authOptions(w, c)
			})
		},
	}
	o.AddFlags(cmd)
	return cmd
}

// A scan is a checked ScanOptions.
type scan struct {
	o       *ScanOptions
	w       world
	u       *ui
	log     zerolog.Logger
	auth    graph.AuthOptions
	names   *aaguid.Catalogue
	specs   []policy.Spec
	scope   snapshot.Scope
	started time.Time
	// again says how to go on with the scan, less the folder.
	again  string
	finish finish
}

// runScan checks everything, reads the tenant and writes the reports. Again is
// the command that goes on with the scan, less the folder.
func runScan(ctx context.Context, w world, u *ui, o *ScanOptions, again string, auth func() (graph.AuthOptions, error)) (err error) {
	s := &scan{o: o, w: w, u: u, started: w.now().UTC(), again: again}
	u.line = newSummaryLine(o.summary)
	var endLog func() error
	if s.log, endLog, err = o.logOptions.open(u); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endLog()) }()
	if err := s.check(auth); err != nil {
		return err
	}
	client, hangUp, tenant, err := s.signIn(ctx)
	if err != nil {
		return err
	}
	defer hangUp()
	if err := s.checkPermissions(ctx, client, tenant); err != nil {
		return err
	}
	if err := s.finish.reach(ctx, tenant); err != nil {
		return err
	}
	dir, store, err := s.open(ctx, tenant)
	if err != nil {
		return err
	}
	defer dir.release()
	if store != nil {
		if err := s.collect(ctx, client, store, dir.path); err != nil {
			return err
		}
	}
	r, err := snapshot.OpenReader(ctx, filepath.Join(dir.path, fileSnapshot))
	if err != nil {
		return err
	}
	defer r.Close()
	err = writeReports(ctx, u, r, s.specs, s.names, &o.outputOptions, dir.path, o.resume != "")
	s.log.Info().Int("exit_status", statusOf(err)).Str("folder", dir.path).Msg("reports are written")
	if statusOf(err) == exitFailed {
		err = withHint(err, "everything is read; write the reports with: %s %s (and the flags as before)", s.again, quote(dir.path))
	}
	if statusOf(err) == exitPartial {
		u.say("what could not be read is tried again by: %s %s (and the flags as before)", s.again, quote(dir.path))
	}
	return s.end(ctx, dir, tenant, err)
}

// check checks all options before the first request.
func (s *scan) check(auth func() (graph.AuthOptions, error)) (err error) {
	if err := s.o.runOptions.check(); err != nil {
		return err
	}
	if err := s.o.outputOptions.check(); err != nil {
		return err
	}
	if s.finish, err = newFinish(s.w, s.u, s.o); err != nil {
		return err
	}
	if s.scope, err = s.o.scope(); err != nil {
		return err
	}
	if s.names, err = s.o.catalogue(s.w, s.u); err != nil {
		return err
	}
	if s.specs, err = s.o.specs(s.u, s.names); err != nil {
		return err
	}
	if s.auth, err = auth(); err != nil {
		return err
	}
	if s.auth.Cloud.Restricted != "" {
		s.u.warn("cloud %s: %s", s.auth.Cloud.Name, s.auth.Cloud.Restricted)
	}
	if s.o.resume != "" && s.o.out != "" {
		return usagef("--resume and --out exclude each other: the reports go where the scan was begun")
	}
	if s.o.resume != "" {
		return checkResumable(s.o.resume)
	}
	return checkOut(&s.o.outputOptions)
}

// checkResumable looks, without touching anything, whether a folder holds a
// scan that can be resumed.
func checkResumable(dir string) error {
	switch err := snapshot.Probe(filepath.Join(dir, fileSnapshot)); {
	case errors.Is(err, os.ErrNotExist):
		return usagef("--resume %s: there is no %s in it: give the folder of a scan that was interrupted", quote(dir), fileSnapshot)
	case err != nil:
		return usagef("--resume %s: %s is %v", quote(dir), fileSnapshot, err)
	}
	return nil
}

// signIn signs in and reads which tenant this is. The first Ctrl-C ends it:
// nothing has been read yet that could be kept.
func (s *scan) signIn(ctx context.Context) (client *graph.Client, hangUp func(), t audit.Tenant, err error) {
	ctx, cancel := untilStop(ctx, s.w.stop)
	defer cancel()
	defer func() {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = errInterrupted
		}
	}()
	client, hangUp, err = connect(ctx, s.auth, graph.Options{Timeout: s.o.timeout, LastUsed: s.o.lastUsed}, s.log)
	if err != nil {
		return nil, nil, audit.Tenant{}, err
	}
	tenant, err := readTenant(ctx, client, s.o.scheduler())
	if errors.Is(err, graph.ErrForbidden) {
		tenant, err = s.namelessTenant(ctx, client, err)
	}
	if err == nil {
		err = sameTenant(ctx, client, tenant)
	}
	if err != nil {
		hangUp()
		return nil, nil, audit.Tenant{}, err
	}
	s.log.Info().Str("tenant", tenant.ID).Str("domain", tenant.Domain).Str("cloud", s.auth.Cloud.Name).Msg("signed in")
	return client, hangUp, tenant, nil
}

// namelessTenant gives the tenant that the token belongs to, where the
// permission for its name is missing: the name alone is no reason to stop.
func (s *scan) namelessTenant(ctx context.Context, client *graph.Client, refused error) (audit.Tenant, error) {
	tid, err := client.TokenTenant(ctx)
	if err != nil || tid == "" {
		return audit.Tenant{}, withHint(refused, "to tell which tenant this is needs the permission Organization.Read.All: see the permissions in the README")
	}
	s.u.warn("the tenant's name could not be read, and its ID stands in its place: that needs the permission Organization.Read.All")
	return audit.Tenant{ID: strings.ToLower(tid)}, nil
}

// untilStop gives a context that also ends with the first Ctrl-C.
func untilStop(ctx context.Context, stop <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// open makes the folder with a new snapshot in it, or opens the one to resume;
// the snapshot is nil where everything is read and the reports alone are
// missing.
func (s *scan) open(ctx context.Context, tenant audit.Tenant) (*outDir, *snapshot.Store, error) {
	if s.o.resume != "" {
		return s.reopen(ctx, tenant)
	}
	dir, err := makeOut(s.o.out, tenant, s.started, s.o.force)
	if err != nil {
		return nil, nil, err
	}
	store, err := snapshot.Create(ctx, filepath.Join(dir.path, fileSnapshot), snapshot.Meta{
		ToolVersion: toolVersion(), Tenant: tenant, Cloud: s.auth.Cloud.Name, GraphRoot: s.auth.Cloud.Root, Scope: s.scope, StartedAt: s.started,
	})
	if err != nil {
		dir.release()
		return nil, nil, fmt.Errorf("%s: %w", dir.path, err)
	}
	return dir, store, nil
}

func (s *scan) reopen(ctx context.Context, tenant audit.Tenant) (*outDir, *snapshot.Store, error) {
	dir, err := lockOut(s.o.resume)
	if err != nil {
		return nil, nil, err
	}
	store, err := snapshot.Resume(ctx, filepath.Join(dir.path, fileSnapshot), toolVersion(), func(m snapshot.Meta) error {
		switch {
		case m.Tenant.ID != tenant.ID:
			return usagef("--resume %s: that scan is of tenant %s (%s), and you are signed in to %s (%s)", quote(s.o.resume), m.Tenant.ID, m.Tenant.Name, tenant.ID, tenant.Name)
		case !sameScope(m.Scope, s.scope):
			return usagef("--resume %s: that scan was begun with other flags for the scope: repeat those (%s)", quote(s.o.resume), scopeWords(m.Scope))
		}
		return nil
	})
	if err != nil {
		switch {
		case errors.Is(err, snapshot.ErrSealed) && !reported(dir.path):
			// It ended after the reading and before its reports were whole.
			return dir, nil, nil
		case errors.Is(err, snapshot.ErrSealed):
			err = usagef("--resume %s: the scan is finished: use passkey-audit evaluate to make its reports again", quote(s.o.resume))
		case errors.Is(err, snapshot.ErrInUse), errors.Is(err, snapshot.ErrNewer), errors.Is(err, snapshot.ErrNoSnapshot):
			err = usagef("--resume %s: the snapshot is %v", quote(s.o.resume), err)
		}
		dir.release()
		return nil, nil, err
	}
	// A report that is there tells less than the one to come. Without its
	// manifest it is none, should this run end early too.
	if err := os.Remove(filepath.Join(dir.path, fileManifest)); err != nil && !errors.Is(err, os.ErrNotExist) {
		err = errors.Join(err, store.Close())
		dir.release()
		return nil, nil, err
	}
	return dir, store, nil
}

// reported tells whether a folder holds a whole report: the manifest is written
// when all else is there.
func reported(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, fileManifest))
	return err == nil
}

func sameScope(a, b snapshot.Scope) bool { return scopeWords(a) == scopeWords(b) }

// scopeWords gives the flags of a scope.
func scopeWords(s snapshot.Scope) string {
	var f []string
	if s.Users == snapshot.UsersRegistered {
		f = append(f, "--users "+s.Users)
	}
	if s.LastUsed {
		f = append(f, "--last-used")
	}
	if s.MembersOnly {
		f = append(f, "--members-only")
	}
	if s.EnabledOnly {
		f = append(f, "--enabled-only")
	}
	for _, g := range s.Groups {
		f = append(f, "--group "+g)
	}
	for _, g := range s.ExcludeUPN {
		f = append(f, "--exclude-upn "+quote(g))
	}
	if len(f) == 0 {
		return "none of them"
	}
	return strings.Join(f, " ")
}

// collect reads the tenant into the snapshot, and seals and closes it.
func (s *scan) collect(ctx context.Context, client *graph.Client, store *snapshot.Store, dir string) error {
	if err := keepGrants(ctx, client, store); err != nil {
		return errors.Join(err, store.Close())
	}
	scheduler := s.o.scheduler()
	var progress collect.Progress
	end := func() {}
	if !s.o.noProgress {
		end = s.u.progress(ctx, &progress, scheduler)
	}
	err := collect.Run(ctx, source{client}, store, collect.Options{
		Pace: scheduler, Scope: s.scope, Stop: s.w.stop, Progress: &progress, Log: s.log,
		Notice:       func(text string) { s.u.warn("%s", text) },
		PolicyGroups: func(body []byte) ([]string, error) { return s.policyGroups(body) },
		Limited:      limited,
		AccessGroups: accessGroups,
	})
	end()
	if err == nil {
		if err = store.Seal(ctx, s.w.now()); err == nil {
			return nil
		}
	} else if cerr := store.Close(); cerr != nil {
		s.log.Warn().Err(cerr).Msg("close snapshot")
	}
	if errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	return withHint(err, "what was read is kept; go on with: %s %s (and the flags as before)", s.again, quote(dir))
}

// policyGroups names the groups that the live policy and the proposals need. It
// also finds out early whether the proposals fit the live policy.
func (s *scan) policyGroups(body []byte) ([]string, error) {
	live, _, err := policy.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("read the passkey policy: %w", err)
	}
	proposals, err := propose(live, s.specs)
	if err != nil {
		return nil, err
	}
	policies := []audit.Policy{live}
	for _, p := range proposals {
		policies = append(policies, p.Policy)
	}
	return policy.Groups(policies...), nil
}
