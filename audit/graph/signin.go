package graph

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// A SignInError says why there is no access token. Its texts hold no secret
// and no token, and it does not wrap what azidentity gave: that carries the
// whole request for a token, secret included.
type SignInError struct {
	// Method is the sign-in method, such as "secret"; may be empty.
	Method string
	// Code is Microsoft Entra's code, such as AADSTS7000215; may be empty.
	Code string
	// Message is one line.
	Message string
	// Hint says what to do, for a line of its own; may be empty.
	Hint string

	temporary bool
}

// Error gives the message and the hint in one line.
func (e *SignInError) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + ": " + e.Hint
}

// Temporary reports whether trying again may help: the network or Microsoft
// Entra failed, rather than refused.
func (e *SignInError) Temporary() bool { return e.temporary }

// aadstsPattern finds the code of Microsoft Entra's errors.
var aadstsPattern = regexp.MustCompile(`AADSTS[0-9]{3,8}`)

// causeHint says what to do where no answer came.
func causeHint(method string, err error) string {
	var untrusted *tls.CertificateVerificationError
	var failed net.Error
	switch {
	case errors.As(err, &untrusted):
		return "check the address; where a proxy or the sign-in host has a certificate of a private authority, trust that one: " +
			"among the system's, or with SSL_CERT_FILE or SSL_CERT_DIR"
	case method == AuthManagedIdentity && (errors.As(err, &failed) || errors.Is(err, context.DeadlineExceeded)):
		return "does this machine have a managed identity? it is offered on virtual machines, containers and apps of Azure"
	case method == AuthBrowser && signInResponse(err) == nil:
		return "where no browser can be opened, sign in by device-code"
	case strings.Contains(err.Error(), "az login"):
		return "sign in to Azure CLI first: az login"
	}
	return ""
}

// signInHint says what to do about Microsoft Entra's codes that administrators
// meet most (Microsoft Entra documentation, "Authentication and authorization
// error codes").
func signInHint(code string) string {
	switch code {
	case "AADSTS7000215":
		return "check the client secret: its value is needed, not its id"
	case "AADSTS7000222":
		return "the client secret has expired: make a new one in the app registration"
	case "AADSTS700027":
		return "upload this certificate to the app registration, and check that neither has expired"
	case "AADSTS700016":
		return "check the client id, the tenant and the cloud: the app is not known in this tenant"
	case "AADSTS700213", "AADSTS700211", "AADSTS70021":
		return "check the federated credential of the app registration: issuer, subject and audience have to match the token's"
	case "AADSTS50034", "AADSTS50020":
		return "this account does not belong to the tenant: check the tenant, or sign in with another account"
	case "AADSTS7000218":
		return "allow public client flows in the app registration, under Authentication"
	case "AADSTS50059", "AADSTS50049":
		return "check the tenant and the authority host"
	case "AADSTS90002", "AADSTS900023", "AADSTS900021":
		return "check the tenant's id or domain, and the cloud"
	case "AADSTS500011":
		return "check the cloud: this tenant does not know its Microsoft Graph"
	case "AADSTS7000112":
		return "the app is disabled in this tenant: enable it under enterprise applications"
	case "AADSTS65001":
		return "an administrator has to grant consent to the app's permissions"
	case "AADSTS53003", "AADSTS530003", "AADSTS53000":
		return "a Conditional Access policy blocks this sign-in"
	}
	return ""
}

// newSignInError puts the failure of a credential into one line. A context's
// end passes through as it is.
func newSignInError(method string, err error) error {
	var known *SignInError
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	out := &SignInError{Method: method}
	text := ""
	if resp := signInResponse(err); resp != nil {
		text = describeTokenAnswer(resp)
		out.temporary = resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500
	} else {
		text = describeCause(err)
		var timeout net.Error
		var failed *net.OpError
		var lookup *net.DNSError
		var sent *url.Error // from http.Client, so there was no answer
		var untrusted *tls.CertificateVerificationError
		out.temporary = !errors.As(err, &untrusted) && (errors.Is(err, context.DeadlineExceeded) ||
			errors.As(err, &failed) || errors.As(err, &sent) || errors.As(err, &lookup) ||
			(errors.As(err, &timeout) && timeout.Timeout()))
	}
	out.Code = aadstsPattern.FindString(text)
	switch out.Code {
	case "AADSTS90033", "AADSTS90024", "AADSTS90086": // the service says: try again
		out.temporary = true
	}
	out.Hint = signInHint(out.Code)
	if out.Hint == "" {
		out.Hint = causeHint(method, err)
	}
	out.Message = "sign in: "
	if method != "" {
		out.Message = "sign in by " + method + ": "
	}
	out.Message += clean(text, maxMessage)
	return out
}

// describeCause gives the innermost sensible text of an error without an
// answer: azidentity and MSAL wrap the network's error in lines of advice.
func describeCause(err error) string {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "the sign-in host " + dns.Name + " was not found"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return "the sign-in host cannot be reached: " + op.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	var sent *url.Error
	if errors.As(err, &sent) {
		return "the sign-in host cannot be reached: " + sent.Err.Error()
	}
	text, _, _ := strings.Cut(err.Error(), "To troubleshoot, visit")
	return text
}

// signInResponse gives the answer of the token endpoint, if there was one.
func signInResponse(err error) *http.Response {
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) {
		return failed.RawResponse
	}
	return nil
}

// describeTokenAnswer reads the OAuth error of a token endpoint's answer.
func describeTokenAnswer(resp *http.Response) string {
	status := "the sign-in host answered " + resp.Status
	if resp.Body == nil {
		return status
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return status
	}
	var answer struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &answer) != nil || (answer.Error == "" && answer.Description == "") {
		return status
	}
	if answer.Description == "" {
		return status + ": " + answer.Error
	}
	// What follows is for Microsoft's support: trace id, correlation id, time.
	text, _, _ := strings.Cut(answer.Description, "Trace ID:")
	return strings.TrimSpace(text)
}
