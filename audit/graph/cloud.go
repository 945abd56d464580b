package graph

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// A Cloud is one of Microsoft's clouds: where its Graph answers and where one
// signs in. Tokens of one cloud are worth nothing in another.
type Cloud struct {
	// Name is the cloud's name on the command line, such as "global".
	Name string
	// Root is the Graph root, scheme and host without a path or version, such
	// as https://graph.microsoft.com.
	Root string
	// Authority is the sign-in host, scheme and host without a path, such as
	// https://login.microsoftonline.com. It may be empty for a custom cloud,
	// which then takes acquired tokens alone.
	Authority string
	// Restricted says in one sentence what the cloud is not known to offer;
	// empty for clouds that offer everything by the documentation.
	Restricted string
}

// Scope is the OAuth scope that asks for a token of this cloud's Graph.
func (c Cloud) Scope() string { return c.Root + "/.default" }

// Clouds gives the built-in clouds, the public one first.
//
// Sources: Microsoft Graph documentation, "National cloud deployments"
// (global, usgov, dod, china); the built-in environments of the Microsoft Graph
// PowerShell SDK (bleu, delos, govsg); azcore/cloud for China's authority; for
// what is missing, the documentation's tables of availability and the published
// metadata of each cloud.
func Clouds() []Cloud {
	const (
		noPasskeys = "by its published metadata this cloud offers neither fido2Methods nor the Passkey (FIDO2) configuration"
		noReports  = noPasskeys + ", nor the registration report"
		// The beta page of fido2Methods says otherwise; the metadata does not.
		noChina = "by the v1.0 documentation this cloud offers neither fido2Methods nor the Passkey (FIDO2) configuration"
	)
	return []Cloud{
		{Name: "global", Root: "https://graph.microsoft.com", Authority: "https://login.microsoftonline.com"},
		{Name: "usgov", Root: "https://graph.microsoft.us", Authority: "https://login.microsoftonline.us"},
		{Name: "dod", Root: "https://dod-graph.microsoft.us", Authority: "https://login.microsoftonline.us"},
		{Name: "china", Root: "https://microsoftgraph.chinacloudapi.cn", Authority: "https://login.chinacloudapi.cn", Restricted: noChina},
		{Name: "bleu", Root: "https://graph.svc.sovcloud.fr", Authority: "https://login.sovcloud-identity.fr", Restricted: noPasskeys},
		{Name: "delos", Root: "https://graph.svc.sovcloud.de", Authority: "https://login.sovcloud-identity.de", Restricted: noPasskeys},
		{Name: "govsg", Root: "https://graph.svc.sovcloud.sg", Authority: "https://login.sovcloud-identity.sg", Restricted: noReports},
	}
}

// CloudByName finds a built-in cloud, in any letter case. For any other name
// it returns an *OptionError that lists the names.
func CloudByName(name string) (Cloud, error) {
	var names []string
	for _, c := range Clouds() {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Cloud{}, &OptionError{
		Message: fmt.Sprintf("unknown cloud %q", clean(name, 40)),
		Hint:    "the clouds are " + strings.Join(names, ", ") + ", and custom",
	}
}

// CustomCloud describes a cloud that is not built in. Both addresses need
// https; the Graph endpoint may also be http on a loopback address. Neither may
// hold a path, a version, a query or credentials. An empty authority host is
// allowed: then only an acquired token can be used. Errors are *OptionError.
func CustomCloud(graphEndpoint, authorityHost string) (Cloud, error) {
	root, err := checkRoot("Graph endpoint", graphEndpoint, true)
	if err != nil {
		return Cloud{}, err
	}
	c := Cloud{Name: "custom", Root: root}
	if authorityHost == "" {
		return c, nil
	}
	// azidentity refuses an authority without https, loopback or not.
	if c.Authority, err = checkRoot("authority host", authorityHost, false); err != nil {
		return Cloud{}, err
	}
	return c, nil
}

// checkRoot brings an address to the form scheme://host[:port].
func checkRoot(what, address string, loopbackHTTP bool) (string, error) {
	refuse := func(why string) (string, error) {
		return "", &OptionError{
			Message: fmt.Sprintf("%s: %s", what, why),
			Hint:    "give an address such as https://graph.example.com",
		}
	}
	if address == "" {
		return refuse("the address is missing")
	}
	u, err := url.Parse(address)
	// The address is not quoted: it may hold credentials.
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return refuse("this is no address")
	case u.User != nil:
		return refuse("the address must not hold a user name or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("the address must not hold a query or a fragment")
	case u.Path != "" && u.Path != "/":
		return refuse("the address must end after the host: no path and no version such as /v1.0")
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && loopbackHTTP && isLoopback(u.Hostname()):
	case u.Scheme == "http" && loopbackHTTP:
		return refuse("the address needs https (http is taken on a loopback address alone)")
	default:
		return refuse("the address needs https")
	}
	return u.Scheme + "://" + u.Host, nil
}

// isLoopback reports whether a host name means this machine, without asking
// any name server.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// origin is what must be equal for a token to be sent: scheme, host in lower
// case, and the port, spelled out.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		switch strings.ToLower(u.Scheme) {
		case "https":
			port = "443"
		case "http":
			port = "80"
		}
	}
	return strings.ToLower(u.Scheme) + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
