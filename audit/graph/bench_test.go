package graph

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fastjson"
)

// benchUsers is a full page as Graph sends it.
func benchUsers() string {
	var b strings.Builder
	b.WriteString(`{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users(id,userPrincipalName,displayName,accountEnabled,userType)","@odata.nextLink":"https://graph.microsoft.com/v1.0/users?$skiptoken=x","value":[`)
	for i := range MaxPage {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"%08x-fde0-4fc4-9e0c-a20eb73e54c6","userPrincipalName":"user%06d@contoso.com","displayName":"User %06d","accountEnabled":true,"userType":"Member"}`, i, i, i)
	}
	b.WriteString(`]}`)
	return b.String()
}

// benchBatch is the answer to a full batch, one passkey a user.
func benchBatch() string {
	var b strings.Builder
	b.WriteString(`{"responses":[`)
	for i := range MaxBatch {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"%d","status":200,"headers":{"Content-Type":"application/json;odata.metadata=minimal","Cache-Control":"no-cache","x-ms-resource-unit":"1"},"body":{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users('x')/authentication/fido2Methods","value":[{"id":"-2_GRUg2-HYz6_1YG4YRAQ2","displayName":"Red key","createdDateTime":"2020-08-10T06:44:09Z","aaGuid":"2fc0579f-8113-47ea-b116-555a8db9202a","model":"NFC key","attestationCertificates":["dbe793efdf1945e2df25d93653a1e8a3268a9075"],"attestationLevel":"attested","passkeyType":"deviceBound"}]}}`, MaxBatch-1-i)
	}
	b.WriteString(`]}`)
	return b.String()
}

func perUser(b *testing.B, users int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*users), "ns/user")
}

func BenchmarkDecodeUsers(b *testing.B) {
	k := &call{status: 200, answer: []byte(benchUsers()), parsers: new(fastjson.ParserPool)}
	b.SetBytes(int64(len(k.answer)))
	b.ReportAllocs()
	for b.Loop() {
		if p, err := decodeUsers(k, ""); err != nil || len(p.Users) != MaxPage {
			b.Fatal(err)
		}
	}
	perUser(b, MaxPage)
}

func BenchmarkDecodeBatch(b *testing.B) {
	k := &call{status: 200, answer: []byte(benchBatch()), parsers: new(fastjson.ParserPool)}
	b.SetBytes(int64(len(k.answer)))
	b.ReportAllocs()
	for b.Loop() {
		if r, err := decodeBatch(k); err != nil || len(r) != MaxBatch {
			b.Fatal(err)
		}
	}
	perUser(b, MaxBatch)
}

// BenchmarkUsers and BenchmarkMethods go all the way but for the network.
func BenchmarkUsers(b *testing.B) {
	c := testClient(b, always(200, benchUsers()), nil)
	b.ReportAllocs()
	for b.Loop() {
		if p, err := c.Users(context.Background(), "", UserQuery{}); err != nil || len(p.Users) != MaxPage {
			b.Fatal(err)
		}
	}
	perUser(b, MaxPage)
}

func BenchmarkMethods(b *testing.B) {
	c := testClient(b, always(200, benchBatch(), "Content-Type", "application/json"), nil)
	ids := make([]string, MaxBatch)
	for i := range ids {
		ids[i] = fmt.Sprintf("%08x-fde0-4fc4-9e0c-a20eb73e54c6", i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if r, err := c.Methods(context.Background(), ids); err != nil || r.Answers[0].Err != nil {
			b.Fatal(err)
		}
	}
	perUser(b, MaxBatch)
}
