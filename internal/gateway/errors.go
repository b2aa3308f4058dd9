package gateway

import "errors"

// Sentinels for errors.Is. Each comes inside a *fault.Error whose Kind says
// what may be done.
var (
	ErrNotConnected = errors.New("not connected")                                              // Transient: Connect first
	ErrNotAGateway  = errors.New("no gateway answers there")                                   // Transient
	ErrOtherSerial  = errors.New("another gateway answers there")                              // Security
	ErrPlainHTTP    = errors.New("this gateway is not spoken to by plain HTTP")                // Security, or Transient while HTTPS is away
	ErrNoToken      = errors.New("the gateway wants a token and there is none")                // Auth
	ErrTokenForeign = errors.New("the token is for another gateway")                           // Auth; it was not sent
	ErrTokenRefused = errors.New("the gateway refuses the token")                              // Auth: check_jwt itself said 401
	ErrPassword     = errors.New("the gateway refuses the password")                           // Auth, firmware below 7
	ErrChallenge    = errors.New("the gateway asks for a login that is not digest of its own") // Auth or Security: nothing was sent

	ErrNotAllowed = errors.New("the login is good but not for this")    // Unsupported: the role is too low
	ErrNotFound   = errors.New("the gateway does not have this")        // Unsupported: 404 and the like
	ErrNotJSON    = errors.New("the answer is no JSON")                 // Transient; Unsupported below firmware 4
	ErrEmpty      = errors.New("the answer is empty")                   // Transient
	ErrTruncated  = errors.New("the answer is cut off or broken")       // Transient
	ErrTooLarge   = errors.New("the answer is too large for a gateway") // Transient
	ErrRedirect   = errors.New("the gateway sends us somewhere else")   // Transient; never followed
	ErrBusy       = errors.New("the gateway is busy or starting")       // Transient: 5xx, 429
)
