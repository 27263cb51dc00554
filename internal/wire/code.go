package wire

// Code says for programs why something was refused. It never changes; the words
// beside it may.
type Code string

// The codes of the API. docs/api.md has a line for each.
const (
	CodeUnknownParameter Code = "unknown_parameter" // a parameter is none of those that are accepted
	CodeInvalidParameter Code = "invalid_parameter" // a parameter has a value that is not accepted
	CodeInvalidJSON      Code = "invalid_json"      // the body is not JSON of the accepted form
	CodeUnknownChannel   Code = "unknown_channel"   // a channel is not in the settings
	CodeNotFound         Code = "not_found"         // there is no such deployment, project, lane or path
	CodeNothingLive      Code = "nothing_live"      // the project is known, and no deployment of it that succeeded
	CodeAmbiguous        Code = "ambiguous"         // an id is the start of several; candidates has them
	CodeTooLarge         Code = "too_large"         // the body is too large
	CodeStarting         Code = "starting"          // the server has just started, and reads the ledger
	CodeStoreUnavailable Code = "store_unavailable" // the ledger cannot be used now
	CodeTooManyReaders   Code = "too_many_readers"  // the server has as many streams as it serves
)

// The codes by which the server refuses before it asks what is wanted.
const (
	CodeUnauthorized     Code = "unauthorized"          // no token, or a wrong one
	CodeForbidden        Code = "forbidden"             // the token does not allow it
	CodeCrossOrigin      Code = "cross_origin"          // another web site had the browser ask
	CodeMethodNotAllowed Code = "method_not_allowed"    // the path is not asked in this way
	CodeTooManyTokens    Code = "too_many_wrong_tokens" // the address sent many wrong tokens
	CodeAccessUnknown    Code = "access_unavailable"    // it cannot be found out now who asks
)
