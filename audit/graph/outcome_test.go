package graph

import (
	"net/http"
	"testing"
)

func TestLinkBroken(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  *Error
		want bool
	}{
		{"expired", &Error{Status: http.StatusBadRequest, Code: "directory_expiredpagetoken"}, true},
		{"foreign", &Error{Code: CodeForeignLink, cause: ErrForeignLink}, true},
		{"bad request", &Error{Status: http.StatusBadRequest, Code: "BadRequest"}, false},
		{"gone", &Error{Status: http.StatusNotFound}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.LinkBroken(); got != tt.want {
				t.Errorf("LinkBroken() = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestSignInFailure(t *testing.T) {
	if f := (&SignInError{Code: "AADSTS7000222"}).Failure(); f.Status != http.StatusUnauthorized || f.Code != "AADSTS7000222" {
		t.Errorf("refused: %+v, want status 401", f)
	}
	if f := (&SignInError{temporary: true}).Failure(); f.Status != 0 || f.Code != "signIn" {
		t.Errorf("network: %+v, want no status", f)
	}
}
