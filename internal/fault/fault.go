// Package fault sorts failures by what the caller can do about them.
//
// Adapters (gateway, entrez, sinks) try once, wrap what happened in an Error
// and return. Only the loops in collect and deliver decide when to try again;
// they ask KindOf and After and never read texts. People read Error and Mend:
// what happened and where, then what to do. Nothing here ever holds a secret.
package fault

import (
	"errors"
	"time"
)

// Kind says what may be done about a failure.
type Kind uint8

// The kinds. The zero Kind is Transient, so that an unclassified error is
// simply tried again.
const (
	Transient   Kind = iota // the other side is away, slow or busy: again later, not before After
	Auth                    // the credentials were refused: a person or a new token is needed
	Config                  // a setting is wrong: keep the data, try again slowly
	Unsupported             // the other side does not have this: do not ask again until a new probe
	Security                // the other side could not prove who it is: nothing may be sent to it
)

// String names the kind for logs.
func (k Kind) String() string {
	return [...]string{"transient", "auth", "config", "unsupported", "security"}[k]
}

// Error is a failure with what a caller and a person need to know of it.
type Error struct {
	Kind  Kind
	Op    string        // what was being done and with whom: "asking the gateway 122333444555 for /info"
	Mend  string        // what a person can do: "Check the password in mqtt.password_file."; may be empty
	After time.Duration // the other side asked not to be tried again before; 0 = no wish
	Err   error         // the cause, never nil
}

// Error says what was being done and why it failed.
func (e *Error) Error() string {
	if e.Op == "" {
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost Error in err's chain, Transient
// when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Transient
}

// Is reports whether err is of kind k. A nil error is of no kind.
func Is(err error, k Kind) bool { return err != nil && KindOf(err) == k }

// Mend returns the first hint in err's chain, or "".
func Mend(err error) string {
	for err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return ""
		}
		if e.Mend != "" {
			return e.Mend
		}
		err = e.Err
	}
	return ""
}

// After returns how long the other side asked to be left alone, or 0.
func After(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.After
	}
	return 0
}

// Rejected says which items of a batch can never be stored; the others were
// taken. It is not worth a retry.
type Rejected struct {
	Items []int // indexes into the batch
	Err   error // why, never nil
}

// Error says why the first of them was refused.
func (r *Rejected) Error() string { return "rejected for good: " + r.Err.Error() }

// Unwrap returns the cause.
func (r *Rejected) Unwrap() error { return r.Err }
