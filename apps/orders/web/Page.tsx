import type { ServiceName, ServiceState } from "../src/Faults.ts"
import { Lane } from "./Lane.tsx"
import { connected, faults, setFault } from "./store.ts"

const services: ReadonlyArray<ServiceName> = ["payment", "warehouse", "USPS", "FedEx"]
const states: ReadonlyArray<ServiceState> = ["up", "slow", "down"]

const Service = ({ service }: { service: ServiceName }) => (
  <div class="service">
    <span>{service}</span>
    {states.map((state) => (
      <button
        type="button"
        key={state}
        class={state}
        aria-pressed={faults.value?.[service] === state}
        aria-label={`${service} ${state}`}
        onClick={() => setFault(service, state)}
      >
        {state}
      </button>
    ))}
  </div>
)

/** The whole page: the services that can be made to fail, and the two lanes under the same failure. */
export const Page = () => (
  <main>
    <header>
      <h1>The same failure, two fates</h1>
      <p>The same shoppers place the same orders in both lanes. Take a service down and watch.</p>
    </header>
    <div class="services">
      {services.map((service) => (
        <Service key={service} service={service} />
      ))}
    </div>
    <div class="lanes">
      <Lane lane="sync" title="Synchronous" note="The caller waits for payment, warehouse and delivery." />
      <Lane lane="queued" title="Queued" note="The caller gets the order id at once; workers do the rest." />
    </div>
    <footer>
      {connected.value
        ? "Live: every square is an order in the lane's topic. "
        : "The shop does not answer; this page reconnects by itself and misses no order. "}
      <a href="/docs">API</a>
    </footer>
  </main>
)
