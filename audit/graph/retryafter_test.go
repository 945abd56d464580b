package graph

import (
	"net/http"
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	date := func(d time.Duration) string { return testNow.Add(d).Format(http.TimeFormat) }
	tests := []struct {
		name, value string
		want        time.Duration
		ok          bool
	}{
		{"missing", "", 0, false},
		{"blank", "  ", 0, false},
		{"seconds", "7", 7 * time.Second, true},
		{"seconds with blanks", " 120 ", 2 * time.Minute, true},
		{"zero", "0", 0, true},
		{"fraction", "1.5", 1500 * time.Millisecond, true},
		{"negative", "-5", 0, false},
		{"plus", "+5", 0, false},
		{"huge", "31536000", maxRetryAfter, true},
		{"beyond 64 bits", "99999999999999999999999999", maxRetryAfter, true},
		{"beyond any float", "1" + string(make400('0')), maxRetryAfter, true},
		{"exponent", "1e3", 0, false},
		{"hexadecimal", "0x10", 0, false},
		{"two dots", "1.2.3", 0, false},
		{"infinity", "Inf", 0, false},
		{"no number", "NaN", 0, false},
		{"word", "soon", 0, false},
		{"list", "5, 10", 0, false},
		{"date", date(90 * time.Second), 90 * time.Second, true},
		{"date in the past", date(-time.Hour), 0, true},
		{"date in ten years", date(10 * 365 * 24 * time.Hour), maxRetryAfter, true},
		{"date as RFC 850", testNow.Add(time.Minute).Format("Monday, 02-Jan-06 15:04:05 GMT"), time.Minute, true},
		{"date as asctime", testNow.Add(time.Minute).Format(time.ANSIC), time.Minute, true},
		{"date as RFC 3339", testNow.Add(time.Minute).Format(time.RFC3339), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseRetryAfter(tt.value, testNow)
			if got != tt.want || ok != tt.ok {
				t.Errorf("parseRetryAfter(%q) = %v, %v; want %v, %v", tt.value, got, ok, tt.want, tt.ok)
			}
		})
	}
}

func make400(b byte) []byte {
	out := make([]byte, 400)
	for i := range out {
		out[i] = b
	}
	return out
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, s := range []string{"", "7", "-1", "1.5", "99999999999999999999", "Sun, 01 Nov 2026 10:17:13 GMT", "NaN", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := parseRetryAfter(s, testNow)
		if d < 0 || d > maxRetryAfter {
			t.Errorf("parseRetryAfter(%q) = %v, out of bounds", s, d)
		}
		if !ok && d != 0 {
			t.Errorf("parseRetryAfter(%q) = %v although there is none", s, d)
		}
	})
}
