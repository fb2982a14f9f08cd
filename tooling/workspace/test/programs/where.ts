// Says how it was started. Waits with --wait until a signal ends it, and then takes its leave.
if (process.argv.includes("--wait")) {
  const alive = setInterval(() => {}, 1_000)
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      console.log(`ended by ${signal}`)
      clearInterval(alive)
    })
  }
}

// Last: whoever reads this may send the signal.
console.log(JSON.stringify({ pid: process.pid, directory: process.cwd(), args: process.argv.slice(2) }))
