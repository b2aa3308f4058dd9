package faults_test

import (
	"strings"
	"testing"

	"envoyd/internal/e2e"
	"envoyd/internal/status"
)

// The first start with an account has no token for a moment. Nobody is to be
// alarmed by that, and nobody told to log in himself.
func TestTheFirstLoginIsNoAlarm(t *testing.T) {
	t.Parallel()
	h := e2e.Start(t, e2e.Options{})
	h.Fresh()
	if c := h.Condition("gateway/122333444555"); c.State != status.Green {
		t.Errorf("with the token: %+v", c)
	}
	log := h.Log.String()
	if !strings.Contains(log, "waits for its token") {
		t.Error("it was not said that a token is being fetched")
	}
	if strings.Contains(log, "part=gateway/122333444555 state=red") {
		t.Error("the gateway was red for a while")
	}
}

func TestAFirstLoginThatIsRefusedIsSaidByTheGatewayToo(t *testing.T) {
	t.Parallel()
	h := e2e.Build(t, e2e.Options{})
	h.Sim.Account.SetPassword("another")
	h.StartDaemon()
	h.Wait("the gateway to be red", func() bool {
		c := h.Condition("gateway/122333444555")
		return c.State == status.Red && c.Mend != ""
	})
	if c := h.Condition("token/122333444555"); c.State != status.Red || !strings.Contains(c.Message, "wrong e-mail or password") {
		t.Errorf("the token is %+v", c)
	}
}
