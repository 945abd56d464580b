/*
Passkey-audit tells which passkeys (FIDO2) of which people would stop working
under a change of the passkey policy of a Microsoft Entra tenant, before the
change is made. It reads a tenant through Microsoft Graph and never writes to
it.

Usage:

	passkey-audit scan [flags]          read a tenant, judge its passkeys, write the reports
	passkey-audit demo [flags]          the same with a simulated tenant, on loopback
	passkey-audit evaluate SNAPSHOT...  judge saved snapshots under other proposals, offline;
	                                    those of many tenants give one report
	passkey-audit suggest SNAPSHOT      make the allow list that breaks nobody
	passkey-audit compare OLD NEW       tell what changed between two snapshots
	passkey-audit verify DIR            check a report folder against its manifest
	passkey-audit permissions           what a scan needs and why, and what a sign-in has
	passkey-audit config show|example   where each setting comes from
	passkey-audit tenants FILE          check a list of tenants for scan --tenants
	passkey-audit upload DIR URL        put a report folder into Azure Blob Storage or S3
	passkey-audit aaguids [QUERY]       look authenticators up
	passkey-audit version

# How it works

A scan reads the passkey policy, all users, everybody's passkeys, the groups
that the policy names, role assignments and Conditional Access, into one SQLite
file: the snapshot. What has been read is
committed at once, so that an interrupted scan goes on with --resume. Then each
passkey is judged twice: under the policy as it is, and under the proposal. The
reports are made from the snapshot alone, as often as needed.

Unknown is never shown as none: whoever or whatever could not be read stands in
unread.csv with the reason, is counted in every summary, and makes the exit
status 4. A verdict that depends on something that is not known is "undecided".

# Files

Snapshot.db is the snapshot; report.xlsx, report.html, CSV, JSON and text files
are the reports; manifest.json holds size and SHA-256 of each. All are written
under a temporary name and renamed when whole. Files have mode 0600, the folder
0700: they name people. A report of many tenants has tenants.csv, and no
suggested-policy.json.

# Exit status

	0    done, complete
	1    failed
	2    wrong usage
	3    done, and a finding that --fail-on names
	4    done, but partial: something could not be read (wins over 3)
	5    sign-in or permission
	130  interrupted; the scan can be resumed

# Permissions

As an application (least privilege): UserAuthMethod-Passkey.Read.All,
User.Read.All, Policy.Read.AuthenticationMethod and GroupMember.Read.All;
delegated, the same scopes and the role Global Reader. AuditLog.Read.All, and
Entra ID P1, serve the registration report: who is an administrator, whom to
read first, and scan --users registered, which reads likely holders alone.
RoleManagement.Read.Directory tells administrators by their role assignments,
and Policy.Read.All reads Conditional Access, for authentication strengths.

# Limitations

Verdicts follow Microsoft's documentation where there is some. Where there is
none, the rule that was followed is listed among the assumptions of each report.

# The code

The package wires the others together: flags, streams, exit statuses, files. It
must not know how Microsoft Graph is spoken to, how a passkey is judged, or what
a format looks like; those are packages of their own.
*/
package main
