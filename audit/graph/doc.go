// Package graph reads a Microsoft Entra tenant through Microsoft Graph: it
// signs in, knows the clouds, sends requests and $batch requests, tells errors
// apart, and turns answers into the types of package audit.
//
// It is the only home of msgraph-sdk-go, Kiota and azidentity. Requests are
// built with the SDK's request builders and sent through its adapter as raw
// bytes; the few properties that are wanted are decoded with encoding/json,
// which takes a fraction of the time of the SDK's models and reads properties
// that those have no fields for.
//
// It must not know pace, retries or storage: every call makes one request, and
// an error says whether trying again may help and when. Three things ask for
// more: a list inside a batch that goes on over a link, a first page whose query
// Graph does not support and that is asked for in a simpler form, and signing
// in. The SDK's own retries, redirects and compression middleware are not used.
// It never reads the environment; azidentity does for a managed identity, whose
// host puts the endpoint there, and Azure CLI is run with the process's own.
//
// Three promises hold whatever an answer says: an access token goes to the
// Graph root alone; an answer that is not a proper list is an error and never
// an empty list; and no error, log record or Exchange holds a token, a secret
// or the query of a link.
package graph
