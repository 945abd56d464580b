package report

import "passkey-audit/audit"

// Seen gives what became of the people whom a counter was given, as a complete
// coverage.
func Seen(c *Counter) audit.Coverage {
	seen := c.seen
	seen.ListingComplete = true
	return seen
}
