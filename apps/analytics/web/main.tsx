import "@troupe/console/page.css"
import { render } from "preact"
import "./rooms.css"
import "./intent.css"
import { Page } from "./Page.tsx"

const page = document.querySelector("#page")
if (page) render(<Page />, page)
