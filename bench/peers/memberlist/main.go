// memberlist - N nodes of hashicorp/memberlist in one process, measured as `henge bench cluster`
// measures henge: bootstrap, idle, update, crash. Prints one JSON object; bench/peers/README.md
// tells what its keys mean. A phase that does not end within -limit ends the run, which says so in
// "gave_up"; what was not measured is null. "phase NAME" on stderr says where it is.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

var (
	nodes   = flag.Int("nodes", 100, "how many nodes")
	idle    = flag.Float64("idle-seconds", 30, "how long the idle phase measures")
	limit   = flag.Float64("limit", 120, "seconds that any phase may take")
	updates = flag.Int("updates", 10, "how many updates are spread, one after another")
	joiners = flag.Int("joiners", 8, "how many nodes start and join at once")
)

const (
	settle  = 10 * time.Second // the traffic of a bootstrap dies down before anything else is measured
	between = 2 * time.Second  // updates
)

type spread struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

type detection struct {
	First  float64 `json:"first"`
	Median float64 `json:"median"`
	Last   float64 `json:"last"`
}

type result struct {
	Program         string     `json:"program"`
	Nodes           int        `json:"nodes"`
	Bootstrap       *float64   `json:"bootstrap_s"`
	BootstrapCPU    *float64   `json:"bootstrap_cpu_s"`
	IdleSeconds     float64    `json:"idle_s"`
	IdleCPU         *float64   `json:"idle_cpu_us"`
	Memory          *float64   `json:"memory_kb"`
	Update          *spread    `json:"update_ms"`
	Crash           *detection `json:"crash_s"`
	Accusations     *int64     `json:"accusations"`
	FalseSuspicions *int64     `json:"false_suspicions"`
	FalseVerdicts   *int64     `json:"false_verdicts"`
	GaveUp          string     `json:"gave_up,omitempty"`
}

func main() {
	flag.Parse()
	if *nodes < 2 || *joiners < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	r := result{Program: "memberlist", Nodes: *nodes, IdleSeconds: *idle}
	base := residentKB()
	c := newCluster(*nodes)
	for _, phase := range []struct {
		name string
		run  func(*cluster, *result) error
	}{
		{"bootstrap", bootstrap},
		{"idle", func(c *cluster, r *result) error { return rest(c, r, base) }},
		{"update", update},
		{"crash", crash},
	} {
		fmt.Fprintln(os.Stderr, "phase", phase.name)
		if err := phase.run(c, &r); err != nil {
			r.GaveUp = fmt.Sprintf("%s: %v", phase.name, err)
			break
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		os.Exit(1)
	}
}

func limitDuration() time.Duration {
	return time.Duration(*limit * float64(time.Second))
}

// bootstrap ends when all nodes see all nodes, and still do a little later.
func bootstrap(c *cluster, r *result) error {
	begin, before := time.Now(), cpu()
	deadline := begin.Add(limitDuration())
	if err := c.startSeed(); err != nil {
		return err
	}
	queue := make(chan int, *nodes)
	for index := 1; index < *nodes; index++ {
		queue <- index
	}
	close(queue)
	var crew sync.WaitGroup
	for worker := 0; worker < *joiners; worker++ {
		crew.Add(1)
		go func() {
			defer crew.Done()
			for index := range queue {
				if time.Now().After(deadline) {
					return
				}
				if err := c.enter(index, deadline); err != nil {
					fmt.Fprintf(os.Stderr, "node %d: %v\n", index, err)
				}
			}
		}()
	}
	for c.complete() < 1 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	end, after := time.Now(), cpu()
	if complete := c.complete(); complete < 1 {
		return fmt.Errorf("%.1f %% of all pairs know each other after %.0f s", 100*complete, *limit)
	}
	crew.Wait()
	r.Bootstrap = number(end.Sub(begin).Seconds())
	r.BootstrapCPU = number((after - before).Seconds())
	time.Sleep(settle)
	for c.complete() < 1 && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	if complete := c.complete(); complete < 1 {
		return fmt.Errorf("not stable: %.1f %% of all pairs know each other", 100*complete)
	}
	return nil
}

func rest(c *cluster, r *result, baseKB float64) error {
	accusations := atomic.LoadInt64(&c.accusations)
	suspicions := atomic.LoadInt64(&c.suspicions)
	verdicts := atomic.LoadInt64(&c.verdicts)
	begin, before := time.Now(), cpu()
	time.Sleep(time.Duration(*idle * float64(time.Second)))
	share := float64(*nodes) * time.Since(begin).Seconds()
	r.IdleCPU = number(float64((cpu() - before).Microseconds()) / share)
	r.Memory = number((residentKB() - baseKB) / float64(*nodes))
	r.Accusations = count(atomic.LoadInt64(&c.accusations) - accusations)
	r.FalseSuspicions = count(atomic.LoadInt64(&c.suspicions) - suspicions)
	r.FalseVerdicts = count(atomic.LoadInt64(&c.verdicts) - verdicts)
	return nil
}

// update changes the metadata of one node after another, and waits until all others have it.
func update(c *cluster, r *result) error {
	var all []float64
	for turn := 0; turn < *updates; turn++ {
		n := c.nodes[1+turn%(*nodes-1)]
		time.Sleep(between)
		w := c.observe(n.name, fmt.Sprintf("update %d", turn))
		n.setMeta(w.meta)
		begin := time.Now()
		go n.list.UpdateNode(limitDuration())
		seconds, err := w.wait(begin, *nodes-1)
		if err != nil {
			return err
		}
		all = append(all, seconds...)
	}
	sort.Float64s(all)
	r.Update = &spread{1e3 * quantile(all, 0.5), 1e3 * quantile(all, 0.99), 1e3 * all[len(all)-1]}
	return nil
}

// crash closes the sockets of the last node without a word.
func crash(c *cluster, r *result) error {
	victim := c.nodes[*nodes-1]
	w := c.observe(victim.name, "")
	begin := time.Now()
	if err := victim.list.Shutdown(); err != nil {
		return err
	}
	seconds, err := w.wait(begin, *nodes-1)
	if err != nil {
		return err
	}
	sort.Float64s(seconds)
	r.Crash = &detection{seconds[0], quantile(seconds, 0.5), seconds[len(seconds)-1]}
	return nil
}

// wait collects how long after begin each of so many nodes reported.
func (w *watch) wait(begin time.Time, wanted int) ([]float64, error) {
	var seconds []float64
	timeout := time.After(limitDuration())
	for len(seconds) < wanted {
		select {
		case told := <-w.reports:
			seconds = append(seconds, told.at.Sub(begin).Seconds())
		case <-timeout:
			return nil, fmt.Errorf("%d of %d nodes have it after %.0f s", len(seconds), wanted, *limit)
		}
	}
	return seconds, nil
}

// quantile of sorted values: the smallest that so large a part does not exceed.
func quantile(sorted []float64, part float64) float64 {
	index := int(part*float64(len(sorted))+0.999999) - 1
	if index < 0 {
		index = 0
	}
	return sorted[index]
}

func number(value float64) *float64 { return &value }
func count(value int64) *int64      { return &value }
