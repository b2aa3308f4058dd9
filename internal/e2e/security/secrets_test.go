package security_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"envoyd/internal/e2e"
	"envoyd/internal/sim/account"
	"envoyd/internal/sim/fault"
)

const cookie = "cookie0123456789abcdefghijklmnop"

// parrot takes any token and then repeats what it was told wherever a text of
// its own could end up with us: bodies, headers, titles, statuses.
func parrot(w http.ResponseWriter, r *http.Request) {
	told := fmt.Sprintf("%s %s", r.Header.Get("Authorization"), r.Header.Get("Cookie"))
	if r.URL.Path == "/auth/check_jwt" {
		w.Header().Set("Set-Cookie", "sessionId="+cookie+"; HttpOnly; Secure")
		fmt.Fprint(w, "<!DOCTYPE html><h2>Valid token.</h2>")
		return
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf("Digest realm=%q", told))
	w.Header().Set("Server", told)
	w.Header().Set("Location", "https://127.0.0.1/"+told)
	switch len(r.URL.Path) % 4 {
	case 0:
		w.WriteHeader(http.StatusUnauthorized)
	case 1:
		w.WriteHeader(http.StatusBadGateway)
	case 2:
		w.WriteHeader(http.StatusFound)
	}
	fmt.Fprintf(w, `{"error": %q, "measurementType": %q}`, told, told)
}

// shown is everything that anybody can see of the running daemon.
func shown(t *testing.T, h *e2e.House, topics *e2e.Subscriber) map[string]string {
	t.Helper()
	all := map[string]string{"log": h.Log.String()}
	for _, path := range []string{"/", "/metrics", "/readyz", "/healthz", "/api/v1/readings", "/api/v1/readings/" + serial, "/api/v1/history"} {
		all[path] = h.Get(path)
	}
	for _, m := range topics.All("") {
		all["mqtt"] += m.Topic + " " + m.Payload + "\n"
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", h.PID()))
	if err != nil {
		t.Fatal(err)
	}
	all["ps"] = string(line)
	for _, c := range [][]string{{"read"}, {"read", "-json"}, {"token", "show"}, {"trust"}, {"check"}, {"version"}} {
		out, _ := h.Command("", c[0], c[1:]...)
		all["envoyd "+strings.Join(c, " ")] = out
	}
	return all
}

func hidden(t *testing.T, all map[string]string, secrets ...string) {
	t.Helper()
	for place, text := range all {
		for _, secret := range append(secrets, "sessionId=", "Bearer ey") {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("%.12s… is to be seen in %s", secret, place)
			}
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	h := e2e.Build(t, e2e.Options{Process: true, Extra: onlyLoopback, Gateway: "password: " + password})
	topics := h.Subscribe("#")
	h.StartDaemon()
	h.Fresh()
	for _, k := range []fault.Kind{fault.Unauthorized, fault.HTML, fault.BadGateway} {
		h.Sim.Fault(k, fault.Options{Count: 3})
	}
	h.Sim.Gateway.ExpireTokens()
	h.Sim.Account.SetPassword("another")
	h.Wait("the token to be refused", func() bool { return worried(h.Condition("token/"+serial)) || worried(h.Condition("gateway/"+serial)) })
	kept := tokens(t, h)
	if len(kept) == 0 {
		t.Fatal("no token was kept")
	}
	secrets := []string{password, account.Password, h.Sim.Broker.Password()}
	for _, k := range kept {
		secrets = append(secrets, k, k[strings.LastIndex(k, ".")+1:])
	}
	hidden(t, shown(t, h, topics), secrets...)
}

func TestSecretsThatAGatewayRepeatsAreNotShown(t *testing.T) {
	h := e2e.Build(t, e2e.Options{Process: true, Extra: onlyLoopback})
	at := meet(t, "127.0.0.1", &stranger{serial: serial, firm: "8.2.4345", secure: true, page: parrot})
	pasted := tokenFor(t, serial)
	topics := h.Subscribe("#")
	edit(t, h, func(text string) string {
		return strings.Replace(strings.Replace(text, h.Sim.Gateway.Addr(), at.address, 1), "name: Home", "name: Home, token: "+pasted, 1)
	})
	h.StartDaemon()
	h.Wait("the parrot to be asked", func() bool { return at.asked("/ivp/meters") > 0 && len(at.got(pasted)) > 0 })
	h.Wait("a worry", func() bool { return worried(h.Condition("gateway/" + serial)) })
	all := shown(t, h, topics)
	h.StopDaemon()
	for _, c := range [][]string{{"read", "-direct"}, {"check"}, {"token", "set"}} {
		all["direct "+strings.Join(c, " ")], _ = h.Command(pasted, c[0], c[1:]...)
	}
	hidden(t, all, pasted, pasted[strings.LastIndex(pasted, ".")+1:], cookie, h.Sim.Broker.Password())
}
