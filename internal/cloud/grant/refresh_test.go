package grant_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"envoyd/internal/cloud/grant"
	"envoyd/internal/fault"
	"envoyd/internal/secret"
	"envoyd/internal/status"
)

func TestAYearWithoutNeedForTheCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		ctx, cancel := context.WithTimeout(t.Context(), 365*day)
		defer cancel()
		k.Run(ctx)
		if n := b.count() - 1; n < 50 || n > 54 {
			t.Errorf("%d refreshes in a year", n)
		}
		token(t, k)
		if c := b.board.Get(grant.Condition); c.State != status.Green {
			t.Errorf("condition %+v", c)
		}
	})
}

func TestTheNewRefreshTokenIsOnDiskBeforeTheAccessTokenIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		time.Sleep(day)
		if got := token(t, k); got != "access-2" {
			t.Fatalf("token %s", got)
		}
		data, err := os.ReadFile(b.path())
		if err != nil || !strings.Contains(string(data), "refresh-2") || !strings.Contains(string(data), "refresh-1") {
			t.Errorf("file %s %v", data, err)
		}
	})
}

func TestManyWhoNeedATokenCauseOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		keepers := []*grant.Keeper{b.granted(t), b.keeper(t, nil), b.keeper(t, nil)} // each as another process
		time.Sleep(day)
		var group sync.WaitGroup
		for i := range 30 {
			group.Go(func() {
				if got := token(t, keepers[i%3]); got != "access-2" {
					t.Errorf("token %s", got)
				}
			})
		}
		group.Wait()
		if n := b.count(); n != 2 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestARefreshUnderWayIsNotGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		time.Sleep(day)
		ctx, cancel := context.WithCancel(t.Context())
		counted := b.keeper(t, func(c *grant.Config) {
			c.Count = func(context.Context) error { cancel(); return nil } // the daemon is told to stop just then
		})
		_, _ = counted.Token(ctx)
		data, _ := os.ReadFile(b.path())
		if !strings.Contains(string(data), "refresh-2") {
			t.Errorf("the answer was lost: %s", data)
		}
		_ = k
	})
}

func TestAGrantThatEndedIsAConditionAndNoLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		b.valid = nil // the owner took it back
		time.Sleep(day)
		_, err := k.Token(t.Context())
		if !errors.Is(err, grant.ErrEnded) || fault.KindOf(err) != fault.Auth || !strings.Contains(fault.Mend(err), "envoyd connect enlighten") {
			t.Fatalf("err %v, mend %q", err, fault.Mend(err))
		}
		noSecrets(t, err, "access-", "refresh-", clientSecret)
		asked := b.count()
		if asked != 3 { // the exchange, the refusal, and a second look
			t.Errorf("%d calls", asked)
		}
		for _, k := range []*grant.Keeper{k, b.keeper(t, nil)} { // also after a restart
			ctx, cancel := context.WithTimeout(t.Context(), 40*day)
			k.Run(ctx)
			cancel()
			if _, err := k.Token(t.Context()); !errors.Is(err, grant.ErrEnded) {
				t.Errorf("later: %v", err)
			}
		}
		if b.count() != asked {
			t.Errorf("%d more calls", b.count()-asked)
		}
		if c := b.board.Get(grant.Condition); c.State != status.Red || !strings.Contains(c.Mend, "connect enlighten") {
			t.Errorf("condition %+v", c)
		}
		b.granted(t) // the owner agrees again, by another process
		token(t, k)
	})
}

func TestOneRefusalIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		b.refuses = 1
		time.Sleep(day)
		if got := token(t, k); got != "access-2" {
			t.Errorf("token %s", got)
		}
	})
}

func TestAnAnswerThatNeverArrivedDidNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		time.Sleep(day)
		token(t, k)
		b.valid = []string{"refresh-1"} // their database was set back
		time.Sleep(day)
		token(t, k)
	})
}

func TestAnOutageOfTheTokenServicePasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		b.answer = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusBadGateway) }
		time.Sleep(20 * time.Hour) // a refresh is due, but the token still lives
		if got := token(t, k); got != "access-1" {
			t.Errorf("token %s", got)
		}
		time.Sleep(10 * time.Hour)
		for range 600 { // and now it does not
			_, err := k.Token(t.Context())
			if !errors.Is(err, grant.ErrUpstream) || fault.KindOf(err) != fault.Transient || fault.After(err) < 0 {
				t.Fatalf("err %v", err)
			}
			time.Sleep(time.Minute)
		}
		if n := b.count(); n > 12 {
			t.Errorf("%d calls in ten hours", n)
		}
		b.answer = nil
		time.Sleep(6 * time.Hour)
		token(t, k)
	})
}

func TestATokenThatCannotBeWrittenIsKeptInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.granted(t)
		old, err := os.ReadFile(b.path())
		if err != nil {
			t.Fatal(err)
		}
		k := b.keeper(t, func(c *grant.Config) {
			c.Count = func(context.Context) error { // a folder in its place: not even root can replace it
				return errors.Join(os.Remove(b.path()), os.MkdirAll(filepath.Join(b.path(), "full"), 0o700))
			}
		})
		time.Sleep(day)
		for range 3 {
			if got := token(t, k); got != "access-2" {
				t.Fatalf("token %s", got)
			}
		}
		if p := k.Status().Problem; !errors.Is(p, grant.ErrNotSaved) || fault.Mend(p) == "" {
			t.Errorf("problem %v", p)
		}
		if err := errors.Join(os.RemoveAll(b.path()), os.WriteFile(b.path(), old, 0o600)); err != nil {
			t.Fatal(err)
		}
		if got := token(t, k); got != "access-2" {
			t.Fatalf("token %s", got)
		}
		if data, _ := os.ReadFile(b.path()); !strings.Contains(string(data), "refresh-2") || k.Status().Problem != nil {
			t.Errorf("not written again: %v", k.Status().Problem)
		}
	})
}

func TestARefusedAccessTokenIsReplacedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		k := b.granted(t)
		if k.Refused(secret.New("access-1")) {
			t.Error("a token of this minute is to blame")
		}
		time.Sleep(time.Hour)
		if !k.Refused(secret.New("access-1")) {
			t.Error("an old token is not to blame")
		}
		if got := token(t, k); got != "access-2" {
			t.Errorf("token %s", got)
		}
		if k.Refused(secret.New("access-2")) {
			t.Error("it would go round")
		}
	})
}

func TestAnotherApplicationsGrantIsNotUsed(t *testing.T) {
	b := newBench(t)
	b.granted(t)
	k := b.keeper(t, func(c *grant.Config) { c.ClientID = "another" })
	if _, err := k.Token(t.Context()); !errors.Is(err, grant.ErrOtherApp) || fault.KindOf(err) != fault.Config {
		t.Errorf("err %v", err)
	}
}

func TestCheckSaysThatTheSecretIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		if err := b.granted(t).Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		k := b.keeper(t, func(c *grant.Config) { c.ClientSecret = secret.New("stale-secret") })
		if err := k.Check(t.Context()); !errors.Is(err, grant.ErrBadClient) || fault.KindOf(err) != fault.Config {
			t.Errorf("err %v", err)
		}
		token(t, b.keeper(t, nil)) // and the grant lives on
	})
}

func TestADamagedGrantIsSetAside(t *testing.T) {
	b := newBench(t)
	k := b.granted(t)
	if err := os.WriteFile(b.path(), []byte(`{"version":1,"refresh`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Token(t.Context()); !errors.Is(err, grant.ErrNoGrant) {
		t.Errorf("err %v", err)
	}
	if _, err := os.Stat(b.path() + ".damaged"); err != nil {
		t.Error(err)
	}
	left, _ := filepath.Glob(filepath.Join(b.dir, ".*"))
	if len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
