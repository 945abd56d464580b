package report

import (
	"errors"
	"strings"
)

// A Portal is the address of a Microsoft Entra admin centre without a slash at
// its end. The empty one gives no links.
type Portal string

// EntraPortal is the admin centre of the global cloud.
const EntraPortal Portal = "https://entra.microsoft.com"

// userPage is the way to a user's page in the admin centre; the object id
// follows it.
const userPage = "/#view/Microsoft_AAD_UsersAndTenants/UserProfileMenuBlade/~/overview/userId/"

// UserPrefix is what stands before a user's id in the address of the user's
// page; empty where there are no links.
func (p Portal) UserPrefix() string {
	if p == "" {
		return ""
	}
	return string(p) + userPage
}

// User gives the address of a user's page. It is made of the user's id alone,
// and only of one that is a GUID, so that nothing that somebody in the tenant
// wrote becomes part of an address. It is empty where there is no such page.
func (p Portal) User(id string) string {
	if p == "" || !isGUID(id) {
		return ""
	}
	return p.UserPrefix() + strings.ToLower(id)
}

// check refuses what is not the address of a host: a link must lead to nothing
// but an admin centre.
func (p Portal) check() error {
	if p == "" {
		return nil
	}
	host, ok := strings.CutPrefix(string(p), "https://")
	if !ok || host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.:") != "" {
		return errors.New("the admin centre's address is not https:// and a host's name in lower case")
	}
	return nil
}

// Link gives the address of the page of the person whom a row is about, and
// the number of the column that names the person; false where there is none.
func (t Table) Link(row []Cell) (column int, address string, ok bool) {
	if t.Portal == "" {
		return 0, "", false
	}
	column, id := t.column("user_principal_name"), t.column("user_id")
	if column < 0 || id < 0 || id >= len(row) {
		return 0, "", false
	}
	address = t.Portal.User(row[id].Text())
	return column, address, address != ""
}

// column gives the number of the column of a key; -1 where there is none.
func (t Table) column(key string) int {
	for i := range t.Columns {
		if t.Columns[i].Key == key {
			return i
		}
	}
	return -1
}
