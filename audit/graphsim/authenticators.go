package graphsim

import (
	"time"

	"passkey-audit/audit"
)

// A maker is an authenticator model and how often it is met. Names and AAGUIDs
// are the public ones (Microsoft Learn, FIDO Metadata Service, passkeydeveloper);
// the weights are invented.
type maker struct {
	aaguid string
	model  string
	typ    audit.PasskeyType
	// attested says whether Entra can verify the model's attestation.
	attested bool
	// from is the year in which people began to register it.
	from int
	// everybody and admins are weights among members and administrators.
	everybody, admins int
	labels            *[]string
	// method is what the registration report calls it.
	method string
}

// The AAGUIDs that the made-up policies name.
const (
	authenticatorIOS     = "90a3ccdf-635c-4729-a248-9b709135078f"
	authenticatorAndroid = "de1e552d-db1d-4423-a619-566b625cdc84"
	yubiKey5NFC          = "fa2b99dc-9e39-4257-8f92-4a30d23c4118"
	yubiKey5NFCNewer     = "a25342c0-3cdc-4414-8e46-f4807fca511c"
	windowsHelloHardware = "08987058-cadc-4b81-b6e1-30de50dcbe96"
	windowsHelloVBS      = "9ddd1817-af5a-4672-a2b9-3e3dd95000a9"
	windowsHelloSoftware = "6028b017-b1d4-4c02-b4b3-afcdafc96bb2"
	applePasswords       = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"
	iCloudManaged        = "dd4ec289-e01d-41c9-bb89-70fa845d4bf2"
	googlePasswords      = "ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4"
	onePassword          = "bada5566-a7aa-401f-bd96-45619a55120d"
)

// The method names of the registration report; it has no closed list of them.
const (
	methodKey           = "passKeyDeviceBound"
	methodAuthenticator = "passKeyDeviceBoundAuthenticator"
	methodWindowsHello  = "passKeyDeviceBoundWindowsHello"
	methodSynced        = "passKeySynced"
)

// makers holds the models and, for a quick draw, a table in which each stands as
// often as its weight says.
type makers struct {
	list      []maker
	everybody []uint8
	admins    []uint8
}

func newMakers() *makers {
	keys := []string{"Security key", "Work key", "YubiKey", "Key on my keyring", "Spare key in the safe", "Blue key", "Backup key"}
	phones := []string{"Authenticator", "My phone", "Microsoft Authenticator", "Work phone", "Company phone"}
	laptops := []string{"Laptop", "Surface", "Windows Hello", "Office PC", "DESKTOP-7Q2K9TB"}
	clouds := []string{"iPhone", "iCloud Keychain", "Passkey", "Chrome", "Password manager", "MacBook"}
	const bound, synced = audit.DeviceBound, audit.Synced
	m := &makers{list: []maker{
		{authenticatorIOS, "Microsoft Authenticator for iOS", bound, true, 2024, 350, 80, &phones, methodAuthenticator},
		{authenticatorAndroid, "Microsoft Authenticator for Android", bound, true, 2024, 300, 70, &phones, methodAuthenticator},
		{yubiKey5NFC, "YubiKey 5 Series with NFC", bound, true, 2019, 55, 350, &keys, methodKey},
		{yubiKey5NFCNewer, "YubiKey 5 Series with NFC", bound, true, 2022, 45, 260, &keys, methodKey},
		{"2fc0579f-8113-47ea-b116-bb5a8db9202a", "YubiKey 5 Series with NFC", bound, true, 2019, 22, 40, &keys, methodKey},
		{"cb69481e-8ff7-4039-93ec-0a2729a154a8", "YubiKey 5 Series", bound, true, 2019, 10, 30, &keys, methodKey},
		{"ee882879-721c-4913-9775-3dfcce97072a", "YubiKey 5 Series", bound, true, 2020, 8, 20, &keys, methodKey},
		{"c1f9a0bc-1dd2-404a-b27f-8e29047a43fd", "YubiKey 5 FIPS Series with NFC", bound, true, 2021, 6, 60, &keys, methodKey},
		{"a4e9fc6d-4cbe-4758-b8ba-37598bb5bbaa", "Security Key NFC by Yubico", bound, true, 2021, 10, 5, &keys, methodKey},
		{"d8522d9f-575b-4866-88a9-ba99fa02f35b", "YubiKey Bio Series - FIDO Edition", bound, true, 2021, 6, 20, &keys, methodKey},
		{"77010bd7-212a-4fc9-b236-d2ca5e9d4084", "Feitian BioPass FIDO2 Authenticator", bound, true, 2019, 6, 5, &keys, methodKey},
		{"ee041bce-25e5-4cdb-8f86-897fd6418464", "Feitian ePass FIDO2-NFC Authenticator", bound, true, 2020, 6, 5, &keys, methodKey},
		{"ab32f0c6-2239-afbb-c470-d2ef4e254db7", "TOKEN2 FIDO2 Security Key", bound, true, 2021, 6, 5, &keys, methodKey},
		{"eabb46cc-e241-80bf-ae9e-96fa6d2975cf", "TOKEN2 PIN Plus Security Key Series", bound, true, 2023, 5, 5, &keys, methodKey},
		{"42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3", "Google Titan Security Key v2", bound, true, 2023, 8, 10, &keys, methodKey},
		{"5d629218-d3a5-11ed-afa1-0242ac120002", "Swissbit iShield Key Pro", bound, true, 2023, 3, 5, &keys, methodKey},
		{windowsHelloHardware, "Windows Hello Hardware Authenticator", bound, false, 2026, 40, 15, &laptops, methodWindowsHello},
		{windowsHelloVBS, "Windows Hello VBS Hardware Authenticator", bound, false, 2026, 12, 5, &laptops, methodWindowsHello},
		{windowsHelloSoftware, "Windows Hello Software Authenticator", bound, false, 2026, 6, 0, &laptops, methodWindowsHello},
		{applePasswords, "Apple Passwords", synced, false, 2025, 24, 5, &clouds, methodSynced},
		{iCloudManaged, "iCloud Keychain (Managed)", synced, false, 2025, 8, 0, &clouds, methodSynced},
		{googlePasswords, "Google Password Manager", synced, false, 2025, 20, 5, &clouds, methodSynced},
		{onePassword, "1Password", synced, false, 2025, 9, 5, &clouds, methodSynced},
		{"d548826e-79b4-db40-a3d8-11116f7e8349", "Bitwarden", synced, false, 2025, 8, 2, &clouds, methodSynced},
		{"531126d6-e717-415c-9320-3d9aa6981239", "Dashlane", synced, false, 2025, 2, 0, &clouds, methodSynced},
		{"adce0002-35bc-c60a-648b-0b25f1f05503", "Chrome on Mac", bound, false, 2025, 3, 0, &laptops, methodKey},
	}}
	for i, k := range m.list {
		for range k.everybody {
			m.everybody = append(m.everybody, uint8(i))
		}
		for range k.admins {
			m.admins = append(m.admins, uint8(i))
		}
	}
	return m
}

func (m *makers) draw(roll uint64, admin bool) *maker {
	if admin {
		return &m.list[m.admins[roll%uint64(len(m.admins))]]
	}
	return &m.list[m.everybody[roll%uint64(len(m.everybody))]]
}

// since is the first second of a month, in Unix time.
func since(year int, month time.Month) int64 {
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Unix()
}

// now is the tenant's present, after which nothing was registered or used. It is
// no clock's, so that a tenant is the same each day.
func now() int64 { return since(2026, 11) - 1 }
