package cloud

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"envoyd/internal/sim/fault"
)

// control is the switchboard, for this machine only:
//
//	html empty cut slow stall 401 403 404 422 500 500-rgm 502 503
//	                 see Failure; for=60s count=3 path=/oauth/token
//	minute month     the plan's hits are used up; for, count
//	bare-429 partner-429
//	                 other shapes of a refusal; for, count
//	clear            ends all failures
//	spend            uses up hits=N of the month
//	plan             plan=Watt|Kilowatt|Megawatt|Partner
//	silence          the gateway reports no more; on=false: it does, and what it kept comes after
//	uncover          the consent does not cover the system; on=false: it does
//	revoke           the owner takes the consent back
//	strict           a refresh token ends when it is exchanged; on=false: when the next one is used
//	expire           access tokens end now; all=true: refresh tokens too
//	state (GET)      failures, plan, calls
func (c *Cloud) control(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if !fault.FromLoopback(r) {
		http.Error(w, "the switches work from this machine only", http.StatusForbidden)
		return
	}
	if (name == "state") != (r.Method == http.MethodGet) {
		http.Error(w, "switches take POST, the state takes GET", http.StatusMethodNotAllowed)
		return
	}
	query, err := fault.Parameters(r)
	if err == nil {
		err = c.turn(name, query)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.answer(w, http.StatusOK, c.state())
}

// turn finds the switch and throws it.
func (c *Cloud) turn(name string, query url.Values) error {
	on := query.Get("on") != "false"
	switch name {
	case "state":
	case "clear":
		c.Mend()
	case "silence":
		c.Silence(on)
	case "uncover":
		c.Uncover(on)
	case "strict":
		c.Strict(on)
	case "revoke":
		c.Revoke()
	case "expire":
		c.Expire(query.Get("all") == "true")
	case "spend":
		hits, err := strconv.Atoi(query.Get("hits"))
		if err != nil || hits < 0 {
			return fmt.Errorf("hits=%s is not a number", query.Get("hits"))
		}
		c.Spend(hits)
	case "plan":
		plan := Plan(query.Get("plan"))
		if !slices.Contains(Plans(), plan) {
			return fmt.Errorf("plan=%s is not one of %v", plan, Plans())
		}
		c.SetPlan(plan)
	default:
		return c.throw(Failure(name), query)
	}
	return nil
}

func (c *Cloud) throw(f Failure, query url.Values) error {
	if !slices.Contains(Failures(), f) {
		return fmt.Errorf("there is no failure %q", f)
	}
	o, err := fault.ParseOptions(query)
	if err != nil {
		return err
	}
	c.Fail(f, o)
	return nil
}

// state is what /_sim/cloud/state tells.
func (c *Cloud) state() map[string]any {
	calls := map[string]int{}
	for _, call := range c.Calls() {
		calls[call.Endpoint]++
	}
	now := time.Now()
	return map[string]any{
		"faults": c.switches.Active(), "plan": c.Plan(), "calls": calls, "minute": c.InMinute(now), "month": c.InMonth(now),
		"token_calls": c.TokenCalls(), "last_report_at": c.reported(now).Unix(),
	}
}
