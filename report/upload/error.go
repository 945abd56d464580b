package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// An Error is a store's refusal, or its silence. Its text holds no credentials:
// addresses in the libraries' errors do, where a shared access signature is
// used.
type Error struct {
	Do      string // what was tried, such as "write report.xlsx"
	Status  int    // 0 where there was no answer
	Code    string // the store's word for it
	Message string
	hint    string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Do)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": the store answers %d", e.Status)
		if e.Code != "" {
			b.WriteString(" " + e.Code)
		}
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// Hint says what can be done about it; it is empty where nothing is known.
func (e *Error) Hint() string { return e.hint }

// Hints for both kinds of store.
const (
	hintAzureAccess = "the identity needs the role Storage Blob Data Contributor on the container; a shared access signature needs read, create, write, and delete to replace; and the account's firewall must let this address in"
	hintAzureHome   = "make the container first, and check the account's name"
	hintS3Access    = "the credentials need s3:ListBucket on the bucket, and s3:GetObject and s3:PutObject (to replace, s3:DeleteObject too) on its objects; check the region as well"
	hintS3Home      = "make the bucket first, and check endpoint and region"
)

// bound cuts a store's text, which ends up in tickets.
func bound(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 300
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// unanswered makes an error of what is no answer of a store, without the
// address in it. What ends the context stays as it is.
func unanswered(do string, err error, secrets ...string) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", do, context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", do, context.DeadlineExceeded)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	text := err.Error()
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "REDACTED")
		}
	}
	return &Error{Do: do, Message: bound(text)}
}

// refused tells whether a status means that credentials are missing or too weak.
func refused(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}
