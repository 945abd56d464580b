package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"passkey-audit/audit/graph"
	"passkey-audit/audit/graphsim"
)

// DemoOptions are the flags of the command demo.
type DemoOptions struct {
	ScanOptions
	size    int
	seed    uint64
	latency time.Duration
	quota   string
	faults  string
	serve   string
}

// demoToken is the access token of the simulated tenant. It opens nothing else.
const demoToken = "demo"

// AddFlags binds the flags.
func (o *DemoOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&o.size, "size", 1000, "simulate a tenant of `N` users")
	f.Uint64Var(&o.seed, "seed", 1, "select another simulated tenant of the same size")
	f.DurationVar(&o.latency, "latency", 0, "let each answer take this long")
	f.StringVar(&o.quota, "quota", "none", "throttle like Microsoft Graph: none, directory (8,000 units in 10 s) or reports (5 reads of passkeys in 10 s)")
	f.StringVar(&o.faults, "faults", "none", "let answers fail: none, some (1 in 100) or many (1 in 10)")
	f.StringVar(&o.serve, "serve", "", "only serve the simulated tenant on this loopback `ADDR` (such as 127.0.0.1:8080) until interrupted")
	o.AddFlagsWithoutConnect(cmd)
}

func newDemoCommand(w world, u *ui) *cobra.Command {
	var o DemoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Scan a simulated tenant: needs no account and no network",
		Long: `Serves a simulated tenant over HTTP on loopback and scans it like a real one.
It takes the flags of scan, but for those of signing in.

` + exitHelp,
		Example: `  passkey-audit demo
  passkey-audit demo --size 20000 --quota directory --proposed authenticator-only
  passkey-audit demo --serve 127.0.0.1:8080`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), w, u, &o) },
	}
	o.AddFlags(cmd)
	return cmd
}

func (o *DemoOptions) simulation() (graphsim.Options, error) {
	s := graphsim.Options{Users: o.size, Seed: o.seed, Latency: o.latency, Token: demoToken}
	if o.size < 0 || o.size > 10_000_000 {
		return s, usagef("--size %d: choose a number from 0 to 10000000", o.size)
	}
	if o.latency < 0 || o.latency > time.Minute {
		return s, usagef("--latency %v: choose a time from 0s to 1m", o.latency)
	}
	switch o.quota {
	case "none":
	case "directory":
		s.Quota = graphsim.QuotaDirectory
	case "reports":
		s.Quota = graphsim.QuotaReports
	default:
		return s, oneOf("quota", o.quota, "none", "directory", "reports")
	}
	switch o.faults {
	case "none":
	case "some":
		s.Faults = graphsim.FaultsSome()
	case "many":
		s.Faults = graphsim.FaultsMany()
	default:
		return s, oneOf("faults", o.faults, "none", "some", "many")
	}
	return s, nil
}

func runDemo(ctx context.Context, w world, u *ui, o *DemoOptions) (err error) {
	s, err := o.simulation()
	if err != nil {
		return err
	}
	addr := o.serve
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	server := graphsim.New(s)
	root, stop, err := server.Serve(ctx, addr)
	if err != nil {
		return usagef("--serve %s: %v", quote(addr), err)
	}
	defer func() { err = errors.Join(err, stop()) }()
	if o.serve != "" {
		_, err := fmt.Fprintf(w.stdout, "PASSKEY_AUDIT_ACCESS_TOKEN=%s passkey-audit scan --auth token --cloud custom --graph-endpoint %s\n", demoToken, root)
		if err != nil {
			return err
		}
		u.say("serving a simulated tenant of %d users; Ctrl-C ends it", o.size)
		select {
		case <-w.stop:
		case <-ctx.Done():
		}
		return nil
	}
	return runScan(ctx, w, u, &o.ScanOptions, "passkey-audit demo --resume", func() (graph.AuthOptions, error) {
		c, err := graph.CustomCloud(root, "")
		if err != nil {
			return graph.AuthOptions{}, err
		}
		return graph.AuthOptions{Method: graph.AuthToken, AccessToken: demoToken, Cloud: c, Now: w.now}, nil
	})
}
