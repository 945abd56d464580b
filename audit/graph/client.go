package graph

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/google/uuid"
	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	msgraphgocore "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/valyala/fastjson"

	"passkey-audit/audit"
)

// defaultTimeout bounds one exchange, from the first byte sent to the last
// byte received.
const defaultTimeout = 60 * time.Second

// Options say how to reach Graph.
type Options struct {
	// Cloud gives the Graph root, and Credential the tokens for it.
	Cloud      Cloud
	Credential azcore.TokenCredential
	// Transport sends requests; nil means NewTransport without options. It
	// must follow no redirect and retry nothing of its own, as *http.Transport.
	Transport http.RoundTripper
	// LastUsed makes Methods ask beta, where alone Graph tells when a passkey was
	// last used; everything else stays with v1.0.
	LastUsed bool
	// UserAgent names the tool and its version to Graph; empty means a name
	// without a version.
	UserAgent string
	// Timeout bounds each exchange; 0 means 60 seconds.
	Timeout time.Duration
	// Now is the clock for Retry-After dates and tokens; nil means time.Now.
	Now func() time.Time
	// NewID makes a client-request-id, a GUID; nil means random ones.
	NewID func() string
	// Observe, if set, is told of each exchange after its end, from the
	// goroutine that asked, possibly from several at once.
	Observe func(Exchange)
}

// An Exchange is one HTTP request and its answer, as far as logs and metering
// may know them: there is no token, no header, no body and no query in it.
type Exchange struct {
	Method string
	// Path is a template such as /v1.0/users/{id}; for a link, where it leads
	// in general.
	Path string
	// Status is 0 where there was no answer; Code is the code of the *Error
	// that became of the exchange, empty for a success.
	Status int
	Code   string
	// Protocol is such as HTTP/2.0.
	Protocol string
	Started  time.Time
	Duration time.Duration
	// Sent and Received are the sizes of the bodies, decompressed.
	Sent            int
	Received        int
	RequestID       string
	ClientRequestID string
	Load            audit.Load
}

// A Client reads one tenant. It is safe for concurrent use.
type Client struct {
	adapter *msgraphgocore.GraphRequestAdapterBase
	sender  *sender
	origin  string
	// closeIdle gives back connections of an own transport.
	closeIdle func()
	// parsers keep their memory from answer to answer.
	parsers fastjson.ParserPool
}

// New makes a client; it sends nothing. A root that is none is an
// *OptionError.
func New(o Options) (*Client, error) {
	if o.Credential == nil {
		return nil, errors.New("make Graph client: no credential")
	}
	root, err := checkRoot("Graph endpoint", o.Cloud.Root, true)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(root)
	if err != nil {
		return nil, fmt.Errorf("parse Graph root: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.UserAgent == "" {
		o.UserAgent = "passkey-audit"
	}
	c := &Client{origin: origin(u), closeIdle: func() {}}
	if o.Transport == nil {
		t := NewTransport(TransportOptions{})
		o.Transport, c.closeIdle = t, t.CloseIdleConnections
	}
	o.Cloud.Root = root
	c.sender = &sender{
		next:    o.Transport,
		origin:  c.origin,
		tokens:  newTokens(o.Credential, o.Cloud.Scope(), o.Now),
		options: o,
	}
	// The http.Client has no Timeout and no middleware: the SDK's would retry,
	// wait and follow redirects on its own. The sender lets no redirect out.
	c.adapter, err = msgraphgocore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		&authentication.AnonymousAuthenticationProvider{}, msgraphgocore.GraphClientOptions{}, nil, nil,
		&http.Client{Transport: c.sender})
	if err != nil {
		return nil, fmt.Errorf("make Graph adapter: %w", err)
	}
	c.adapter.SetBaseUrl(root + "/v1.0")
	return c, nil
}

// Close gives back idle connections of the client's own transport. One that
// was passed in is its owner's to close.
func (c *Client) Close() { c.closeIdle() }

// TokenTenant gives the id of the tenant that the access token belongs to, in
// lower case; empty where the token does not say. It signs in if that has not
// been done. The token's signature is not checked: the answer serves to refuse
// a foreign tenant before anything is read, not to trust.
func (c *Client) TokenTenant(ctx context.Context) (string, error) {
	token, err := c.sender.tokens.get(ctx)
	if err != nil {
		return "", err
	}
	decoded, ok := decodeToken(token)
	if !ok {
		return "", nil
	}
	return lowerGUID(decoded.TenantID), nil
}

// TransportOptions say how to reach the network.
type TransportOptions struct {
	// Proxy chooses a proxy for a request, such as
	// http.ProxyFromEnvironment; nil means none.
	Proxy func(*http.Request) (*url.URL, error)
	// RootCAs are the certificate authorities to trust; nil means the
	// system's.
	RootCAs *x509.CertPool
}

// NewTransport makes a transport that suits many small requests to one host:
// HTTP/2, and enough idle connections for 64 requests at once without it.
// Answers are decompressed on the way; their size is bounded by the Client.
func NewTransport(o TransportOptions) *http.Transport {
	return &http.Transport{
		Proxy:               o.Proxy,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
		// Notices a connection that died silently, after a laptop slept, say.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
}

// A call is one request on its way through the adapter to the sender, and
// what came back: the adapter has no place for either.
type call struct {
	// path is the template for logs.
	path string
	// body is what to send; nil for none.
	body []byte

	// id is the client-request-id that was sent.
	id string
	// token is the one it was sent with; it goes nowhere else.
	token  string
	status int
	answer []byte
	// parsers read large answers; nil for a new one each time.
	parsers *fastjson.ParserPool
	header  http.Header
	load    audit.Load
}

type callKey struct{}

// send sends a request that a request builder of the SDK described, and fills
// in the call. Its errors are *Error, *SignInError, or the context's.
func (c *Client) send(ctx context.Context, request *abstractions.RequestInformation, k *call) error {
	request.Content = k.body
	_, err := c.adapter.SendPrimitive(context.WithValue(ctx, callKey{}, k), request, "[]byte", nil)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	// What the adapter and net/http put around these holds the address, query
	// included.
	var answered *Error
	if errors.As(err, &answered) {
		return answered
	}
	var signIn *SignInError
	if errors.As(err, &signIn) {
		return signIn
	}
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	return fmt.Errorf("send request: %s", clean(err.Error(), maxMessage))
}

// get sends a GET, to link if there is one, else as the builder says.
func (c *Client) get(ctx context.Context, request *abstractions.RequestInformation, link string, k *call) error {
	if link != "" {
		u, err := c.checkLink(link)
		if err != nil {
			return err
		}
		request.SetUri(*u)
	}
	return c.send(ctx, request, k)
}
