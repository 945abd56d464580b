package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"passkey-audit/audit"
	"passkey-audit/audit/collect"
	"passkey-audit/audit/graph"
	"passkey-audit/audit/pace"
)

// connectOptions say how to sign in, and to which cloud.
type connectOptions struct {
	auth, tenant, clientID, certificate, accessTokenFile string
	cloud, graphEndpoint, authorityHost                  string
	disableInstanceDiscovery                             bool
}

// AddFlags binds the flags.
func (o *connectOptions) AddFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.auth, "auth", graph.AuthAuto, "how to sign in: "+strings.Join(graph.AuthMethods(), ", "))
	f.StringVar(&o.tenant, "tenant", "", "the tenant's `ID` or domain (or AZURE_TENANT_ID)")
	f.StringVar(&o.clientID, "client-id", "", "the app registration's `ID`, or that of a user-assigned managed identity (or AZURE_CLIENT_ID)")
	f.StringVar(&o.certificate, "certificate", "", "PEM or PFX `FILE` with certificate and private key (or AZURE_CLIENT_CERTIFICATE_PATH)")
	f.StringVar(&o.accessTokenFile, "access-token-file", "", "`FILE` with an access token for Microsoft Graph (or PASSKEY_AUDIT_ACCESS_TOKEN)")
	f.StringVar(&o.cloud, "cloud", "global", "cloud: global, usgov, dod, china, bleu, delos, govsg or custom")
	f.StringVar(&o.graphEndpoint, "graph-endpoint", "", "with --cloud custom: `URL` of Microsoft Graph's root, without a version")
	f.StringVar(&o.authorityHost, "authority-host", "", "with --cloud custom: `URL` of the sign-in host")
	f.BoolVar(&o.disableInstanceDiscovery, "disable-instance-discovery", false, "with --cloud custom: do not ask Microsoft whether the sign-in host is a known one")
}

// custom is the cloud whose addresses the user gives.
const custom = "custom"

// graphCloud finds the cloud and checks the flags that go with it.
func (o *connectOptions) graphCloud() (graph.Cloud, error) {
	if o.cloud != custom {
		if o.graphEndpoint != "" || o.authorityHost != "" || o.disableInstanceDiscovery {
			return graph.Cloud{}, usagef("--graph-endpoint, --authority-host and --disable-instance-discovery go with --cloud custom alone")
		}
		return graph.CloudByName(o.cloud)
	}
	if o.graphEndpoint == "" {
		return graph.Cloud{}, usagef("--cloud custom needs --graph-endpoint URL")
	}
	return graph.CustomCloud(o.graphEndpoint, o.authorityHost)
}

// authOptions gathers what there is to sign in with. Secrets come from the
// environment or a file, never from a flag, which any process could see.
func (o *connectOptions) authOptions(w world, c graph.Cloud) (graph.AuthOptions, error) {
	orEnv := func(value, name string) string {
		if value != "" {
			return value
		}
		return w.getenv(name)
	}
	a := graph.AuthOptions{
		Method: o.auth, Cloud: c, DisableInstanceDiscovery: o.disableInstanceDiscovery,
		TenantID: orEnv(o.tenant, "AZURE_TENANT_ID"), ClientID: orEnv(o.clientID, "AZURE_CLIENT_ID"),
		ClientSecret:        w.getenv("AZURE_CLIENT_SECRET"),
		CertificateFile:     orEnv(o.certificate, "AZURE_CLIENT_CERTIFICATE_PATH"),
		CertificatePassword: w.getenv("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
		FederatedTokenFile:  w.getenv("AZURE_FEDERATED_TOKEN_FILE"),
		AccessToken:         w.getenv("PASSKEY_AUDIT_ACCESS_TOKEN"),
		// App Service, Container Apps and Functions; Cloud Shell and Machine
		// Learning; Azure Arc. A virtual machine sets nothing.
		ManagedIdentity: w.getenv("IDENTITY_ENDPOINT") != "" || w.getenv("MSI_ENDPOINT") != "" || w.getenv("IMDS_ENDPOINT") != "",
		AzureCLI:        onPath(w.getenv("PATH"), "az"),
		Prompt:          prompt(w),
		Now:             w.now,
		Transport:       w.transport,
	}
	if o.accessTokenFile != "" {
		b, err := readSmall(o.accessTokenFile)
		if err != nil {
			return a, usagef("--access-token-file: %v", err)
		}
		a.AccessToken = strings.TrimSpace(string(b))
	}
	return a, nil
}

// onPath looks for a program in the folders of a PATH.
func onPath(path, name string) bool {
	for _, dir := range filepath.SplitList(path) {
		for _, suffix := range []string{"", ".cmd", ".exe"} {
			if f, err := os.Stat(filepath.Join(dir, name+suffix)); dir != "" && err == nil && f.Mode().IsRegular() && (suffix != "" || f.Mode()&0o111 != 0) {
				return true
			}
		}
	}
	return false
}

// prompt gives a way to tell a person how to sign in; nil where nobody is there
// to do so: standard input is no terminal.
func prompt(w world) func(string) {
	stdin, ok := w.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(stdin.Fd())) {
		return nil
	}
	return func(text string) { fmt.Fprintln(w.stderr, "\npasskey-audit: "+harmless(text)) }
}

// readSmall reads a file that cannot be large.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 1 << 20
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(b) > most {
		err = fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return b, err
}

// connect signs in, and makes sure that the token belongs to the tenant that
// was asked for. Of o, the timeout and what to read count. The caller calls
// hangUp in the end.
func connect(ctx context.Context, auth graph.AuthOptions, o graph.Options, log zerolog.Logger) (client *graph.Client, hangUp func(), err error) {
	hangUp = func() {}
	if auth.Transport == nil {
		// One transport for tokens and for Graph, through the usual proxy variables.
		t := graph.NewTransport(graph.TransportOptions{Proxy: proxy})
		auth.Transport, hangUp = t, t.CloseIdleConnections
	}
	credential, err := graph.NewCredential(auth)
	if err != nil {
		return nil, nil, err
	}
	o.Cloud, o.Credential, o.Transport, o.UserAgent = auth.Cloud, credential, auth.Transport, "passkey-audit/"+toolVersion()
	o.Observe = func(x graph.Exchange) { logExchange(log, x) }
	client, err = graph.New(o)
	if err != nil {
		return nil, nil, err
	}
	method, err := auth.Taken()
	log.Info().Str("method", method).Strs("offered", auth.Offered()).Str("cloud", auth.Cloud.Name).Msg("signing in")
	if err == nil {
		err = rightTenant(ctx, client, auth.TenantID, method, log)
	}
	if err != nil {
		hangUp()
		return nil, nil, err
	}
	return client, hangUp, nil
}

// proxy finds the proxy by the usual variables. What hands out the tokens of a
// managed identity is on this machine or next to it, and never behind one.
func proxy(r *http.Request) (*url.URL, error) {
	if ip, err := netip.ParseAddr(r.URL.Hostname()); err == nil && (ip.IsLinkLocalUnicast() || ip.IsLoopback()) {
		return nil, nil
	}
	return http.ProxyFromEnvironment(r)
}

// rightTenant makes sure that the token belongs to the tenant that was asked
// for. A domain is compared where the token was not asked for at that domain's
// own address, as far as the tenant tells its domains.
func rightTenant(ctx context.Context, client *graph.Client, tenant, method string, log zerolog.Logger) error {
	tid, err := client.TokenTenant(ctx)
	if err != nil || tenant == "" {
		return err
	}
	foreign := &graph.SignInError{
		Method: method, Hint: "sign in to the right tenant, or change --tenant",
		Message: fmt.Sprintf("the access token belongs to tenant %s, not to %s", tid, tenant),
	}
	if isGUID(tenant) {
		if tid != "" && !strings.EqualFold(tid, tenant) {
			return foreign
		}
		return nil
	}
	if method != graph.AuthToken && method != graph.AuthManagedIdentity && method != graph.AuthAzureCLI {
		return nil
	}
	domains, err := client.Domains(ctx)
	if err != nil {
		// The request that follows is the same one, and tells what is wrong.
		log.Warn().Err(err).Str("domain", tenant).Msg("the tenant's domains could not be compared")
		return ctx.Err()
	}
	if !slices.ContainsFunc(domains, func(d string) bool { return strings.EqualFold(d, tenant) }) {
		if tid == "" {
			foreign.Message = fmt.Sprintf("the access token belongs to another tenant than %s: that is none of its domains", tenant)
		}
		return foreign
	}
	return nil
}

// sameTenant makes sure that the token and the tenant that answers belong
// together.
func sameTenant(ctx context.Context, client *graph.Client, t audit.Tenant) error {
	tid, err := client.TokenTenant(ctx)
	if err == nil && tid != "" && !strings.EqualFold(tid, t.ID) {
		err = &graph.SignInError{Message: fmt.Sprintf("the access token belongs to tenant %s, and the tenant that answers is %s", tid, t.ID), Hint: "sign in to the right tenant and cloud"}
	}
	return err
}

func isGUID(s string) bool {
	_, err := audit.ParseAAGUID(s)
	return err == nil
}

func logExchange(log zerolog.Logger, x graph.Exchange) {
	log.Debug().Str("method", x.Method).Str("path", x.Path).Int("status", x.Status).Str("code", x.Code).Dur("took", x.Duration).
		Int("bytes", x.Received).Str("protocol", x.Protocol).Str("request_id", x.RequestID).
		Int("units", x.Load.Units).Float64("quota_used", x.Load.Percentage).Msg("request")
}

// readTenant reads which tenant this is: the first request of a scan, and so
// the one that tells whether sign-in and permissions work.
func readTenant(ctx context.Context, client *graph.Client, s *pace.Scheduler) (audit.Tenant, error) {
	var t audit.Tenant
	err := s.Do(ctx, collect.Directory, new(pace.Try), func(ctx context.Context) (pace.Report, error) {
		var err error
		t, err = client.Organization(ctx)
		return pace.Report{}, err
	})
	return t, err
}

// source is a graph.Client as package collect wants it.
type source struct{ *graph.Client }

var _ collect.Source = source{}

// Users reads a page of all users; which of them are in scope is decided by
// collect, so that those left out are counted.
func (s source) Users(ctx context.Context, link string) (audit.UserPage, error) {
	return s.Client.Users(ctx, link, graph.UserQuery{})
}

// Registration reads a page of the registration report.
func (s source) Registration(ctx context.Context, admins bool, link string) (audit.RegistrationPage, error) {
	return s.Client.Registration(ctx, link, graph.RegistrationQuery{AdminsOnly: admins})
}
