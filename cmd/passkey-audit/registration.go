package main

import (
	"fmt"
	"time"

	"passkey-audit/audit/snapshot"
	"passkey-audit/report"
)

// registrationNotes says in sentences what is missing on the registration
// report's word, or because there was no such report.
func registrationNotes(m snapshot.Meta, reports []snapshot.Report) []string {
	var out []string
	s := m.Scope
	everybody, administrators := reportNamed(reports, snapshot.ReportEverybody), reportNamed(reports, snapshot.ReportAdministrators)
	if s.Users == snapshot.UsersRegistered {
		switch everybody.State {
		case snapshot.ReportRead:
			out = append(out, fmt.Sprintf("%s of whom the registration report names no passkey (--users registered). That report was made %s, and does not know what was registered after that.",
				report.Plural(everybody.LeftOut, "enabled user", "enabled users"), age(everybody)))
		case snapshot.ReportUnlicensed, snapshot.ReportFailed:
			out = append(out, "The registration report, so that all users were read (instead of --users registered): "+unreadReport(everybody)+".")
		}
	}
	switch {
	case everybody.State == snapshot.ReportRead || administrators.State == snapshot.ReportRead || m.AdminsKnown:
	case reportNamed(reports, snapshot.ReportRoles).State == snapshot.ReportRead:
		out = append(out, "Who else is an administrator: a group that carries a directory role could not be read.")
	case administrators.Failure.What != "":
		out = append(out, "Who is an administrator: "+unreadReport(administrators)+".")
	case everybody.Failure.What != "":
		out = append(out, "Who is an administrator: "+unreadReport(everybody)+".")
	}
	return out
}

func reportNamed(reports []snapshot.Report, name string) snapshot.Report {
	for _, r := range reports {
		if r.Name == name {
			return r
		}
	}
	return snapshot.Report{Name: name, State: snapshot.ReportReading}
}

// unreadReport says why there is no registration report.
func unreadReport(r snapshot.Report) string {
	switch r.State {
	case snapshot.ReportUnlicensed:
		return "the registration report needs Entra ID P1, which the tenant does not have (role assignments would tell too, with the permission RoleManagement.Read.Directory)"
	case snapshot.ReportRefused:
		return "the registration report was refused; it needs the permission AuditLog.Read.All (role assignments would tell too, with RoleManagement.Read.Directory)"
	}
	why := "the registration report could not be read"
	if r.Failure.Status > 0 {
		why += fmt.Sprintf(" (status %d)", r.Failure.Status)
	}
	return why
}

// age says when a report's rows were made.
func age(r snapshot.Report) string {
	const form = "2006-01-02 15:04 UTC"
	switch {
	case r.Newest.IsZero():
		return "at a time that it does not tell"
	case r.Newest.Sub(r.Oldest) < time.Minute:
		return "at " + r.Newest.Format(form)
	}
	return "between " + r.Oldest.Format(form) + " and " + r.Newest.Format(form)
}

// registrationFacts says what the registration report was used for.
func registrationFacts(m snapshot.Meta, reports []snapshot.Report) []report.Fact {
	everybody, administrators := reportNamed(reports, snapshot.ReportEverybody), reportNamed(reports, snapshot.ReportAdministrators)
	if m.AdminsKnown && everybody.Pages+administrators.Pages == 0 {
		return []report.Fact{{Section: "Report", Name: "Administrators", Value: report.Text("from active assignments of directory roles")}}
	}
	if everybody.Pages+administrators.Pages == 0 {
		return nil
	}
	roles := "from the registration report; not known of those whom it does not list, such as disabled accounts"
	if m.AdminsKnown {
		roles = "from active assignments of directory roles, and from the registration report"
	} else if administrators.Pages > 0 {
		roles = "from the registration report, of which administrators alone were read; not known of everybody else"
	}
	return []report.Fact{
		{Section: "Requests", Name: "Pages of the registration report", Value: report.Count(everybody.Pages + administrators.Pages)},
		{Section: "Report", Name: "Administrators", Value: report.Text(roles)},
	}
}
