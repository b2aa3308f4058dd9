package fault_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"envoyd/internal/fault"
)

var errCause = errors.New("connection refused")

func TestKindMendAndAfterAreFoundThroughWrapping(t *testing.T) {
	inner := &fault.Error{Kind: fault.Auth, Op: "logging in", Mend: "Check the password.", After: time.Hour, Err: errCause}
	err := fmt.Errorf("publishing: %w", inner)
	if fault.KindOf(err) != fault.Auth || !fault.Is(err, fault.Auth) || fault.Is(err, fault.Transient) {
		t.Errorf("kind is %v", fault.KindOf(err))
	}
	if fault.Mend(err) != "Check the password." || fault.After(err) != time.Hour {
		t.Errorf("mend %q, after %v", fault.Mend(err), fault.After(err))
	}
	if !errors.Is(err, errCause) || err.Error() != "publishing: logging in: connection refused" {
		t.Errorf("%v", err)
	}
}

func TestTheOutermostKindAndTheFirstMendCount(t *testing.T) {
	inner := &fault.Error{Kind: fault.Transient, Mend: "Wait.", Err: errCause}
	outer := &fault.Error{Kind: fault.Security, Err: inner}
	if fault.KindOf(outer) != fault.Security || fault.Mend(outer) != "Wait." {
		t.Errorf("kind %v, mend %q", fault.KindOf(outer), fault.Mend(outer))
	}
}

func TestAPlainErrorIsTriedAgain(t *testing.T) {
	if fault.KindOf(errCause) != fault.Transient || fault.Mend(errCause) != "" || fault.After(errCause) != 0 {
		t.Error("a plain error has a kind of its own")
	}
	if fault.Is(nil, fault.Transient) {
		t.Error("no error is an error")
	}
}

func TestRejectedNamesItsCause(t *testing.T) {
	err := error(&fault.Rejected{Items: []int{1}, Err: errCause})
	if r, ok := errors.AsType[*fault.Rejected](err); !ok || r.Items[0] != 1 || !errors.Is(err, errCause) {
		t.Errorf("%v", err)
	}
}
